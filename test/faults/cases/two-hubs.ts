import { setTimeout as wait } from 'node:timers/promises'
import { startCluster } from '../../support/kafka/cluster.ts'
import { kafkaMissing } from '../../support/kafka/jars.ts'
import { postgresPrograms, startPostgres } from '../../support/postgres.ts'
import { copiesInLog } from '../copies-in-log.ts'
import type { FaultCase, Stage } from '../fault-case.ts'
import { hubCounter } from '../hub-counter.ts'
import { InsertWitness } from '../insert-witness.ts'
import { layStoreWire } from '../store-behind-a-wire.ts'
import { until } from '../until.ts'
import { layWire, type Wire } from '../wire.ts'
import type { Part } from '../world.ts'

/** Longer than the group waits for a silent hub (30 s) before others get its partitions. */
const frozenMs = 36_000
const chunkTimeMaxMs = 30_000
const joinsAndLeaves = 5

/** What is in hand while two hubs share one Kafka, one store and one registry. */
interface Pair extends Stage {
  readonly second: Part
  /** From the second hub to the store; the first has its own. */
  readonly secondToStore: Wire
}

async function missing(): Promise<string | null> {
  // Each with a registry of its own, two hubs would not agree on what is live.
  if ((await postgresPrograms()) === null) return 'there is no PostgreSQL on this machine'
  return kafkaMissing()
}

function onTwoHubs(name: string, what: string, fault: (pair: Pair) => Promise<void>): FaultCase {
  return {
    ...{ name, what, missing },
    async set() {
      const cluster = await startCluster(1)
      const registry = await startPostgres((await postgresPrograms()) ?? '')
      const witness = new InsertWitness()
      const store = await layStoreWire((insert) => witness.see(insert))
      const secondToStore = await layWire(store.wire.port)
      const hub = {
        KAFKA_BROKERS: JSON.stringify(cluster.addresses),
        POSTGRES_URL: registry.url,
        CLICKHOUSE_URL: store.url,
      }
      const ofSecond = { CLICKHOUSE_URL: `http://127.0.0.1:${secondToStore.port}` }
      return {
        options: { hub, otherHubs: [ofSecond] },
        fault: (stage) =>
          fault({ ...stage, secondToStore, second: stage.world.otherHubs[0] as Part }),
        // Whoever stores a chunk cuts it by its plan, and uses the same token: no row comes a second time.
        after: async () => witness.expectOnceEach(await copiesInLog(cluster.addresses)),
        async remove() {
          await secondToStore.remove()
          await store.remove()
          await registry.remove()
          await cluster.remove()
        },
      }
    },
  }
}

/**
 * The second hub has chunks that the store has and it does not know of, and stands still until the first has its
 * partitions and has stored the same; then it goes on where it stood, with the same chunks in hand.
 */
async function freezeWithChunksInHand(pair: Pair): Promise<void> {
  const { world, crowd, random, second, secondToStore } = pair
  await crowd.reaches(0.1 + random.unit() / 5)
  const retries = () => hubCounter(second, world, 'shelfedge_store_retries_total')
  const before = await retries()
  secondToStore.become('deaf')
  const hasChunk = async () => {
    crowd.releaseOne()
    return (await retries()) > before
  }
  await until(hasChunk, chunkTimeMaxMs, 'the second hub had nothing to store')
  process.kill(second.pid, 'SIGSTOP')
  await wait(frozenMs)
  secondToStore.become('open')
  process.kill(second.pid, 'SIGCONT')
}

export const twoHubs: readonly FaultCase[] = [
  onTwoHubs(
    'two-hubs-no-fault',
    'Two hubs that started at once share one Kafka, one store and one registry; nothing happens.',
    async () => undefined,
  ),
  onTwoHubs(
    'two-hubs-restarted',
    'Two hubs are restarted one after the other, as for an upgrade.',
    async ({ world, crowd, second }) => {
      for (const hub of [world.hub, second]) {
        await crowd.reaches(hub === second ? 0.6 : 0.3)
        await hub.stop()
        await hub.start()
      }
    },
  ),
  onTwoHubs(
    'two-hubs-one-killed',
    'One of two hubs is killed and started again, twice.',
    async ({ crowd, random, second }) => {
      for (const part of [0.2, 0.5]) {
        await crowd.reaches(part + random.unit() / 10)
        await second.kill()
        await wait(random.integer(100, 1_000))
        await second.start()
      }
    },
  ),
  onTwoHubs(
    'two-hubs-one-frozen',
    'One of two hubs stands still with chunks in hand until the other has its partitions, and goes on where it stood.',
    freezeWithChunksInHand,
  ),
  onTwoHubs(
    'two-hubs-rebalanced',
    'One of two hubs leaves and joins again and again, so that partitions go to and fro.',
    async ({ crowd, random, second }) => {
      await crowd.reaches(0.2)
      for (let round = 0; round < joinsAndLeaves; round++) {
        if (random.chance(0.5)) await second.stop()
        else await second.kill()
        await second.start()
        await wait(random.integer(0, 500))
      }
    },
  ),
]
