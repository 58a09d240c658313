import { setTimeout as wait } from 'node:timers/promises'
import type { FaultCase } from '../fault-case.ts'
import { layStoreWire } from '../store-behind-a-wire.ts'
import type { WireState } from '../wire.ts'

function storeFault(state: WireState, name: string, what: string, isQuick = false): FaultCase {
  return {
    ...{ name, what, isQuick },
    async set() {
      const store = await layStoreWire()
      return {
        options: { hub: { CLICKHOUSE_URL: store.url } },
        async fault({ crowd, random }) {
          for (const part of [0.2, 0.5]) {
            await crowd.reaches(part)
            store.wire.become(state)
            await wait(random.integer(1_000, 4_000))
            store.wire.become('open')
          }
        },
        remove: store.remove,
      }
    },
  }
}

export const stores: readonly FaultCase[] = [
  storeFault('cut', 'store-cut-off', 'The ClickHouse server refuses connections, twice.'),
  storeFault('silent', 'store-silent', 'The ClickHouse server takes inserts and hangs, twice.'),
  storeFault(
    'deaf',
    'store-answers-lost',
    'The ClickHouse server does each insert and its answer is lost, twice.',
    true,
  ),
]
