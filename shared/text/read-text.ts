import { wordsOf } from './words.ts'

/**
 * How a text becomes numbers, by number: a model is of the reading that it was trained with. Whoever changes a word or a
 * number below gives the reading a new one and trains anew; a POP refuses a model of a reading that it does not know.
 */
export const textReading = 1

/** The feature hashing of Weinberger et al. 2009: 2^16 buckets, of which a text fills at most 512. */
export const bucketsTotal = 65_536
export const bucketsMax = 512
/** Words that are looked up in the model's list, the first of a text. */
export const wordsMax = 128
/** What a rating counts as it is, and negated (-0.74 of it: Hutto and Gilbert 2014), in whole numbers. */
export const [signPlain, signNegated] = [50, -37]
/** Lengths of the runs of letters that are counted beside whole words. */
const [gramFrom, gramTo] = [3, 5]

/** What a model sees of a text: whole numbers, and no word of it. */
export interface TextInputs {
  /** Each bucket that it fills, once. */
  readonly buckets: readonly number[]
  /** Its words, 31 bits of a hash each, in their order; */
  readonly words: readonly number[]
  /** of each `signPlain` or `signNegated`. */
  readonly signs: readonly number[]
}

/**
 * Buckets of the words and pairs of words of a text, then of the runs of 3 to 5 letters in each word; negated words are
 * others than those that are not. Everything is empty where there is nothing to read.
 */
export function readText(text: string): TextInputs {
  const buckets = new Set<number>()
  const fill = (feature: string) => buckets.add(hashOf(feature) % bucketsTotal)
  const words = wordsOf(text)
  let before = ''
  for (const { text: word, isNegated } of words) {
    const whole = isNegated ? `not ${word}` : word
    fill(`word ${whole}`)
    fill(`pair ${before} ${whole}`)
    before = whole
  }
  for (const { text: letters, isSpelt, isNegated } of words) {
    if (!isSpelt) continue
    if (buckets.size >= bucketsMax) break
    const spelt = `<${letters}>`
    const kind = isNegated ? 'not run' : 'run'
    for (let length = gramFrom; length <= gramTo; length++) {
      for (let at = 0; at + length <= spelt.length; at++) {
        fill(`${kind} ${spelt.slice(at, at + length)}`)
      }
    }
  }
  const listed = words.slice(0, wordsMax)
  return {
    buckets: [...buckets].slice(0, bucketsMax),
    words: listed.map((word) => listHashOf(word.text)),
    signs: listed.map(({ isNegated }) => (isNegated ? signNegated : signPlain)),
  }
}

/** How a list knows a word. */
export function listHashOf(word: string): number {
  return hashOf(`listed ${word}`) >>> 1
}

/** FNV-1a over UTF-16 units, its bits mixed as murmur3 ends: the low ones alone would be poor. */
function hashOf(feature: string): number {
  let hash = 0x811c9dc5
  for (let at = 0; at < feature.length; at++) {
    hash = Math.imul(hash ^ feature.charCodeAt(at), 0x01000193)
  }
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return (hash ^ (hash >>> 16)) >>> 0
}

/** The inputs of the ONNX graph: padded with a bucket and with words that weigh nothing. */
export function paddedText({ buckets, words, signs }: TextInputs) {
  const padded = (values: readonly number[], length: number, padding: number) => {
    const all = new Int32Array(length).fill(padding)
    all.set(values.slice(0, length))
    return all
  }
  return {
    buckets: padded(buckets, bucketsMax, bucketsTotal),
    words: padded(words, wordsMax, 0),
    signs: padded(signs, wordsMax, 0),
  }
}

/** Where a model of texts reads where its placement does not say it. */
export const textReadDefault = 'event.text'

/** What a model of texts reads at `event.…` or `context.…`; '' where there is no text. */
export function textAt(
  from: string,
  facts: {
    readonly event: Readonly<Record<string, unknown>>
    readonly context: Readonly<Record<string, unknown>>
  },
): string {
  const [root, name] = from.split('.') as ['event' | 'context', string]
  const value = Object.hasOwn(facts[root], name) ? facts[root][name] : undefined
  return typeof value === 'string' ? value : ''
}
