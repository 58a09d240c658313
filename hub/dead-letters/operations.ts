import { RequestRefused } from '#shared/request-refused.ts'
import type { Environment } from '../environment.ts'
import { Turns } from '../store/turns.ts'
import { afterDiscard, type DeadLetter } from './dead-letter.ts'
import type { Filter } from './filter.ts'
import { countLetters, findLetters, keepChanged, listLetters, nextIds } from './letter-box.ts'
import { letterRow, summaryOf } from './letter-row.ts'
import { type Replayed, replay } from './replay.ts'

/** Letters that lie in memory at once: each may be as large as a message of the log. */
const sliceLettersMax = 20
const waitingChangesMax = 100

/** What operators do with dead letters. Changes take turns, so that none overwrites another. */
export function letterOperations(environment: Environment) {
  const { store, metrics, now, newId, erasures } = environment
  const changes = new Turns(1, waitingChangesMax)
  const changedNow = () => ({ atMs: now(), by: 'operator' })

  /** Lets an erasure wait for the change: a letter read before it must not be written back after it. */
  function change<Result>(run: () => Promise<Result>): Promise<Result> {
    return changes.run(() => erasures.storing(run))
  }

  async function findKept(ids: readonly string[]): Promise<DeadLetter[]> {
    return erasures.lettersWithout(await findLetters(ids, store))
  }

  async function find(id: string): Promise<DeadLetter> {
    const [letter] = await findKept([id])
    if (letter) return letter
    throw new RequestRefused(
      404,
      'unknown_dead_letter',
      `there is no dead letter ${id.slice(0, 40)}`,
    )
  }

  async function replayOne(id: string) {
    const [result] = await replay([await find(id)], changedNow(), environment)
    const { outcome, letter } = result as Replayed
    return { outcome, letter: shown(letter) }
  }

  async function replayMany(asked: Filter) {
    const filter: Filter = { ...asked, state: asked.state || 'waiting' }
    const ids = await nextIds(filter, store)
    const counts = { replayed: 0, failed: 0 }
    for (let start = 0; start < ids.length; start += sliceLettersMax) {
      const letters = await findKept(ids.slice(start, start + sliceLettersMax))
      const results = await replay(letters, changedNow(), environment)
      for (const { outcome } of results) counts[outcome]++
    }
    return { ...counts, left: await countLetters(filter, store) }
  }

  async function discardOne(id: string) {
    const letter = await find(id)
    if (letter.state === 'replayed') {
      throw new RequestRefused(409, 'already_replayed', `${id} is in the store: nothing to discard`)
    }
    if (letter.state === 'discarded') return { outcome: 'discarded', letter: shown(letter) }
    const discarded = afterDiscard(letter, changedNow())
    await keepChanged([discarded], `discard:${newId()}`, store)
    metrics.deadLettersDiscarded.inc()
    return { outcome: 'discarded', letter: shown(discarded) }
  }

  return {
    list: (filter: Filter) => listLetters(filter, store),
    /** One letter with its record. */
    show: async (id: string) => {
      const letter = await find(id)
      const { record, encoding } = letter
      return { ...shown(letter), position: letter.batch?.position ?? null, encoding, record }
    },
    replay: (id: string) => change(() => replayOne(id)),
    /** Replays what matches, up to the limit; `left` match still, those that failed among them. */
    replayMany: (filter: Filter) => change(() => replayMany(filter)),
    discard: (id: string) => change(() => discardOne(id)),
  }
}

function shown(letter: DeadLetter) {
  return summaryOf(letterRow(letter))
}
