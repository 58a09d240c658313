import { closestMatch } from 'leven'

/** Further than this from every name, it is no slip of a finger. */
const slipMax = 2
/** No name is longer, and the comparison takes the product of both lengths. */
const charactersMax = 64

/** The name that somebody meant: the same in another spelling (`productId`, `product_id`), or a slip away. */
export function didYouMean(word: string, names: readonly string[]): string | undefined {
  if (word.length > charactersMax) return undefined
  return didSpell(word, names) ?? closestMatch(word, names, { maxDistance: slipMax })
}

/** The name of these that is the same in whatever spelling. */
export function didSpell(word: string, names: readonly string[]): string | undefined {
  if (word.length > charactersMax) return undefined
  const plain = withoutSpelling(word)
  return names.find((name) => withoutSpelling(name) === plain)
}

/** A name without what spellings differ in: capitals, underscores, hyphens, blanks. */
export function withoutSpelling(name: string): string {
  return name.toLowerCase().replaceAll(/[\s_-]/g, '')
}
