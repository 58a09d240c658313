import type { Environment } from '../environment.ts'
import { readLetters } from '../read-records.ts'
import { storeRows } from '../store-rows.ts'
import { afterReplay, type Change, type DeadLetter } from './dead-letter.ts'
import { keepChanged, keepNew } from './letter-box.ts'

/** What a replay did with one letter; `failed` again: it waits on, with the new reason. */
export interface Replayed {
  readonly outcome: 'replayed' | 'failed'
  readonly letter: DeadLetter
}

/**
 * Reads the originals of letters with today's code and stores them: read → store → change the letters.
 *
 * A record has the same identity whenever it is read, so what is replayed twice is stored once. A message that is
 * readable now may hold records that are not: these become letters of their own.
 */
export async function replay(
  letters: readonly DeadLetter[],
  change: Change,
  environment: Environment,
): Promise<readonly Replayed[]> {
  const token = `replay:${environment.newId()}`
  const reading = environment.erasures.without(readLetters(letters))
  const refused = await storeRows(reading, token, environment)
  const failed = new Map([...reading.letters, ...refused].map((letter) => [letter.id, letter]))
  const results = letters.map((letter) => {
    const fault = failed.get(letter.id) ?? null
    failed.delete(letter.id)
    return { outcome: outcomeOf(fault), letter: afterReplay(letter, fault, change) }
  })
  await keepNew([...failed.values()], token, environment)
  // Last: where it ends before this, the letters wait on and the next replay stores nothing twice.
  const changed = results.map(({ letter }) => letter)
  await keepChanged(changed, `${token}:changed`, environment.store)
  for (const { outcome } of results) environment.metrics.deadLetterReplays.inc({ outcome })
  return results
}

function outcomeOf(fault: DeadLetter | null): Replayed['outcome'] {
  return fault === null ? 'replayed' : 'failed'
}
