import { eventRecord } from '../../support/hub.ts'
import { deliver } from '../deliver.ts'
import type { FaultCase, Stage } from '../fault-case.ts'
import { until } from '../until.ts'
import { site } from '../world.ts'

const batches = 50
const storeTimeMaxMs = 30_000

export const orders: readonly FaultCase[] = [
  {
    name: 'deliveries-reordered',
    what: 'Batches of a visitor reach the hub in any order, each twice, and are read in the order they were made.',
    isQuick: true,
    set() {
      let visitor = ''
      const idOf = (sequence: number) => `${visitor}-${sequence}`
      return {
        async fault({ world, crowd, random }: Stage) {
          visitor = `a:reordered-${random.integer(1, 1_000_000_000)}`
          const twice = Array.from({ length: 2 * batches }, (_, number) => number % batches)
          const drawn = twice.map((sequence) => ({ sequence, place: random.unit() }))
          await crowd.reaches(0.2)
          for (const { sequence, place } of drawn.sort((one, other) => one.place - other.place)) {
            const records = [eventRecord(idOf(sequence))]
            const batch = { site, visitor, epoch: 1, sequence, records }
            const body = JSON.stringify({ pop: 'pop-2', region: 'here', batches: [batch] })
            await deliver(world, body, `${visitor} ${place}`)
          }
        },
        async after({ world }: Stage) {
          const made = Array.from({ length: batches }, (_, sequence) => idOf(sequence))
          const holds = async () => {
            const rows = await world.query<{ id: string }>(
              `SELECT message_id AS id FROM events_once WHERE visitor = '${visitor}'
               ORDER BY epoch, sequence, position`,
            )
            return rows.map(({ id }) => id).join() === made.join()
          }
          await until(holds, storeTimeMaxMs, 'batches are not read in the order they were made')
        },
      }
    },
  },
]
