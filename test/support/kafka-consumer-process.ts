/** Consumes a topic in a process of its own, which a test freezes or kills, and tells its parent each chunk. */

import { openKafkaLog } from '#hub/log/kafka-log.ts'
import type { KafkaSettings } from '#hub/log/kafka-settings.ts'

/** What the parent says to do, as the only argument in JSON. */
export interface ConsumerOrders extends Pick<KafkaSettings, 'brokers' | 'tls' | 'sasl'> {
  readonly topic: string
  readonly group: string
  readonly sessionTimeoutMs: number
  /** Whether a handler ends; where not, its chunk is stored and never committed. */
  readonly commits: boolean
}

/** A chunk that the handler was given, as the parent hears of it. */
export interface ReportedChunk {
  readonly partition: number
  readonly firstOffset: string
  readonly lastOffset: string
  readonly messages: readonly { key: string; identity: string; value: string }[]
}

if (process.send) {
  const orders = JSON.parse(process.argv[2] ?? '{}') as ConsumerOrders
  const log = openKafkaLog({ ...orders, nowMs: Date.now })
  await log.consume(orders.topic, orders.group, async (chunk) => {
    const { partition, firstOffset, lastOffset } = chunk
    const messages = chunk.messages.map(({ key, identity, value }) => ({ key, identity, value }))
    const report = {
      partition,
      firstOffset: `${firstOffset}`,
      lastOffset: `${lastOffset}`,
      messages,
    }
    await new Promise((resolve) => process.send?.(report, resolve))
    if (!orders.commits) await new Promise(() => undefined)
  })
}
