/** A text is read up to here, in UTF-16 units: what is longer is no short text, and its beginning says enough. */
export const textCharactersMax = 2_000

/** What is found in a text, by its kind; the first that fits at a place is taken. */
const pieces = new RegExp(
  [
    String.raw`(?<address>https?://\S+|www\.\S+)`,
    String.raw`(?<person>@[\p{L}\p{N}_]+)`,
    String.raw`(?<emoticon>[:;=][-o^']?[)(\][dp/\\|]+(?![\p{L}\p{N}])|[)(]+[-o^']?[:;=]|</?3+)`,
    String.raw`(?<emoji>\p{Extended_Pictographic})`,
    String.raw`(?<word>[\p{L}\p{N}][\p{L}\p{M}\p{N}]*(?:['’][\p{L}\p{M}]+)*)`,
    String.raw`(?<mark>[!?]+|\.{2,}|[.,;:])`,
  ].join('|'),
  'giu',
)

/** English words that turn what follows into its opposite; those that end in n't do too. */
const negations: ReadonlySet<string> = new Set(
  `no not never none nobody nothing neither nor nowhere hardly barely scarcely without lacks lacking
   cannot aint arent cant couldnt didnt doesnt dont hadnt hasnt havent isnt shouldnt wasnt werent wont
   wouldnt`
    .trim()
    .split(/\s+/),
)
/** A negation reaches so many words, and never past a mark or one of these. */
const negatedWordsMax = 4
const contrasts: ReadonlySet<string> = new Set(['but', 'however', 'although', 'though'])

/** A piece of a text as it is counted. */
export interface Word {
  readonly text: string
  /** Whether it is made of letters or digits, and no stand-in, mark, emoticon or emoji. */
  readonly isSpelt: boolean
  readonly isNegated: boolean
}

/**
 * The words, marks, emoticons and emoji of a text in their order: NFKC, lower case, of a letter that is repeated two, an
 * address and a name as one stand-in each. Halves of surrogate pairs are nothing.
 */
export function wordsOf(text: string): Word[] {
  const words: Word[] = []
  let negatedWords = 0
  for (const { groups = {} } of text
    .slice(0, textCharactersMax)
    .normalize('NFKC')
    .matchAll(pieces)) {
    const { word } = groups
    if (word === undefined) {
      if (groups.mark !== undefined) negatedWords = 0
      words.push({ text: plain(groups), isSpelt: false, isNegated: false })
      continue
    }
    const spelt = word
      .toLowerCase()
      .replaceAll('’', "'")
      .replaceAll(/(.)\1{2,}/gu, '$1$1')
    const isNegation = spelt.endsWith("n't") || negations.has(spelt)
    if (isNegation) negatedWords = negatedWordsMax + 1
    if (contrasts.has(spelt)) negatedWords = 0
    words.push({ text: spelt, isSpelt: true, isNegated: negatedWords > 0 && !isNegation })
    negatedWords = Math.max(0, negatedWords - 1)
  }
  return words
}

function plain(groups: Readonly<Record<string, string | undefined>>): string {
  const { address, person, mark = '', emoticon, emoji } = groups
  if (address !== undefined) return '<address>'
  if (person !== undefined) return '<person>'
  // How many there are says more than one, and no more than two.
  return emoticon?.toLowerCase() ?? emoji ?? shortMark(mark)
}

function shortMark(mark: string): string {
  if (mark.length === 1) return mark
  if (mark.startsWith('.')) return '..'
  return mark.includes('?') && mark.includes('!') ? '!?' : mark.slice(0, 2)
}
