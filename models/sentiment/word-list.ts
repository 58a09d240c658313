import { listRows, noHash, weightOfNothing } from '#shared/text/model.ts'
import { listHashOf } from '#shared/text/read-text.ts'

/** Words, emoticons and emoji in lower case, and how people rated each on average, -4 to 4. */
export type WordList = ReadonlyMap<string, number>

/** A list as a model holds it: `listRows` rows of as many places as the fullest needs. */
export function packList(list: WordList): {
  readonly listHashes: Int32Array
  readonly listRatings: Uint8Array
} {
  const rows = Map.groupBy(
    new Map([...list].map(([word, rating]) => [listHashOf(word), rating])),
    ([hash]) => hash % listRows,
  )
  const slots = Math.max(1, ...[...rows.values()].map((words) => words.length))
  const listHashes = new Int32Array(listRows * slots).fill(noHash)
  const listRatings = new Uint8Array(listRows * slots).fill(weightOfNothing)
  for (const [row, words] of rows) {
    for (const [slot, [hash, rating]] of words.entries()) {
      listHashes[row * slots + slot] = hash
      listRatings[row * slots + slot] = weightOfNothing + Math.round(rating * 10)
    }
  }
  return { listHashes, listRatings }
}
