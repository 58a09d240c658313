import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { type ClickHouseBridge, startClickHouseBridge } from '../support/clickhouse-bridge.ts'
import { type KafkaCluster, startCluster } from '../support/kafka/cluster.ts'
import { kafkaMissing } from '../support/kafka/jars.ts'
import { chainVisits, patience, startTestSystem, type TestSystem } from '../support/local-system.ts'

const missing = await kafkaMissing()
if (missing) console.warn(missing)

describe.skipIf(missing)(
  'hub and POP on a real Kafka, the store behind ClickHouse over HTTP',
  () => {
    let cluster: KafkaCluster
    let directory: string
    let bridge: ClickHouseBridge
    let on: TestSystem

    beforeAll(async () => {
      cluster = await startCluster(1)
      directory = await mkdtemp(join(tmpdir(), 'shelfedge-clickhouse-'))
      bridge = await startClickHouseBridge(directory)
      on = await startTestSystem({
        KAFKA_BROKERS: JSON.stringify(cluster.addresses),
        CLICKHOUSE_URL: bridge.url,
      })
    })
    afterAll(async () => {
      await on?.remove()
      await bridge?.close()
      await cluster?.remove()
      if (directory) await rm(directory, { recursive: true, force: true })
    })

    it('stores once what a POP took, though it was sent twice', async () => {
      const visits = chainVisits('visitor', 200, 40)
      for (const visit of visits) expect((await on.post('shop', visit)).accepted).toBe(visit.length)
      for (const visit of visits)
        expect((await on.post('shop', visit)).duplicates).toBe(visit.length)
      const sent = visits.flat().length
      await vi.waitFor(
        async () =>
          expect(await on.count("SELECT count() FROM events_once WHERE site = 'shop'")).toBe(sent),
        patience,
      )
      expect(await on.count('SELECT count() FROM events')).toBe(sent)
    })
  },
)
