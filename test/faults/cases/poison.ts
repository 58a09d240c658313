import { eventRecord } from '../../support/hub.ts'
import { deliver } from '../deliver.ts'
import type { FaultCase, Stage } from '../fault-case.ts'
import { until } from '../until.ts'
import { site, type World } from '../world.ts'

/** Where the bad ones are among the records of a delivery. */
const places = [
  { name: 'first', bad: [0], records: 5 },
  { name: 'middle', bad: [2], records: 5 },
  { name: 'last', bad: [4], records: 5 },
  { name: 'alone', bad: [0], records: 1 },
  { name: 'several', bad: [0, 2, 3, 5], records: 6 },
] as const

const nested = `${'['.repeat(50_000)}${']'.repeat(50_000)}`

/** Texts of records that no version of today stores, by the reason that the letter has to give. */
const poisons: readonly (readonly [reason: string, text: (id: string) => string])[] = [
  ['unknown_kind', (id) => JSON.stringify({ ...eventRecord(id), kind: 'mood' })],
  ['invalid_record', (id) => JSON.stringify({ ...eventRecord(id), items: 'none' })],
  [
    'record_failed',
    (id) => JSON.stringify(eventRecord(id)).replace('"traits":{}', `"traits":${nested}`),
  ],
]

interface Poisoned {
  readonly visitor: string
  readonly body: string
  /** Ids of the good records, in their order. */
  readonly good: readonly string[]
  /** Reason and text of each of the others. */
  readonly letters: readonly string[]
}

function poisoned(visitor: string, { bad, records }: (typeof places)[number], turn: number) {
  const good: string[] = []
  const letters: string[] = []
  const texts = Array.from({ length: records }, (_, position) => {
    const id = `${visitor}-${position}`
    if (!bad.some((place) => place === position)) {
      good.push(id)
      return JSON.stringify(eventRecord(id))
    }
    const [reason, text] = poisons[(turn + position) % poisons.length] as (typeof poisons)[number]
    letters.push(`${reason} ${text(id)}`)
    return text(id)
  })
  const head = JSON.stringify({ site, visitor, epoch: 1, sequence: 1 }).slice(0, -1)
  const body = `{"pop":"pop-2","region":"here","batches":[${head},"records":[${texts.join()}]}]}`
  return { visitor, body, good, letters } satisfies Poisoned
}

/** Neighbours stored, in order and once; each bad record one letter, whole, waiting with its reason. */
async function holds({ query }: World, { visitor, good, letters }: Poisoned): Promise<boolean> {
  const rows = await query<{ id: string }>(
    `SELECT message_id AS id FROM events_once WHERE visitor = '${visitor}' ORDER BY position`,
  )
  const kept = await query<{ letter: string }>(
    `SELECT concat(reason, ' ', record) AS letter FROM dead_letters_once
     WHERE visitor = '${visitor}' AND state = 'waiting'`,
  )
  const isStored = rows.map(({ id }) => id).join() === good.join()
  const keptTexts = kept.map(({ letter }) => letter)
  return isStored && keptTexts.sort().join() === letters.toSorted().join()
}

const storeTimeMaxMs = 30_000

export const poison: readonly FaultCase[] = [
  {
    name: 'poison-records',
    what: 'Deliveries hold records that nobody can store: first, in the middle, last, alone, several; each sent twice.',
    isQuick: true,
    set() {
      let deliveries: readonly Poisoned[] = []
      return {
        async fault({ world, crowd, random }: Stage) {
          const run = random.integer(1, 1_000_000_000)
          deliveries = places.map((place, turn) =>
            poisoned(`a:poison-${run}-${place.name}`, place, turn),
          )
          for (const [index, { visitor, body }] of deliveries.entries()) {
            await crowd.reaches((index + 1) / 10)
            for (const time of ['once', 'twice']) await deliver(world, body, `${visitor} ${time}`)
          }
        },
        async after({ world }) {
          for (const each of deliveries) {
            const otherwise = `around the bad records of ${each.visitor} not all is as it should be`
            await until(() => holds(world, each), storeTimeMaxMs, otherwise)
          }
        },
      }
    },
  },
]
