import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Insert, startClickHouseBridge } from '../support/clickhouse-bridge.ts'
import { layWire, type Wire } from './wire.ts'

/** A store that the hub reaches by `CLICKHOUSE_URL` alone: the engine of ClickHouse behind a wire. */
export interface StoreBehindAWire {
  readonly url: string
  /** From the hub to the store. */
  readonly wire: Wire
  remove(): Promise<void>
}

/** Starts a store on free ports, with its files in a directory that `remove` deletes. */
export async function layStoreWire(onInsert?: (insert: Insert) => void): Promise<StoreBehindAWire> {
  const directory = await mkdtemp(join(tmpdir(), 'shelfedge-store-'))
  const bridge = await startClickHouseBridge(directory, onInsert)
  const wire = await layWire(Number(new URL(bridge.url).port))
  return {
    url: `http://127.0.0.1:${wire.port}`,
    wire,
    async remove() {
      await wire.remove()
      await bridge.close()
      await rm(directory, { recursive: true, force: true })
    },
  }
}
