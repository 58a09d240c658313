/** The outboxes of POPs in a process of their own: forked with a `LoadPlan`, answers with a `LoadResult`. */

import { randomUUID } from 'node:crypto'
import { setTimeout as wait } from 'node:timers/promises'
import { ingestPath } from '#shared/contract.ts'
import { importPopKey } from '#shared/keys.ts'
import { signRequest } from '#shared/signature.ts'
import { deliveryOf, eventsPerBatch } from './deliveries.ts'

export interface LoadPlan {
  readonly url: string
  readonly popSecret: string
  readonly seconds: number
  /** Each has one delivery under way at a time, as the outbox of a POP has. */
  readonly outboxes: number
  readonly batchesPerDelivery: number
  /** What all outboxes together may send; 0 for as much as is acknowledged. */
  readonly eventsPerSecondMax: number
}

export interface LoadResult {
  readonly events: number
  readonly bytes: number
  readonly seconds: number
  /** From the first attempt of each delivery to its acknowledgement, what was refused meanwhile with it. */
  readonly ackMs: readonly number[]
  /** Attempts that got no 200 and were made again. */
  readonly repeated: number
  readonly cpuSeconds: number
}

const repeatAfterMs = 100
/** An answer that never comes, or a hub that refuses for good, must end the measurement. */
const attemptsMax = 300

async function run(plan: LoadPlan): Promise<LoadResult> {
  const key = await importPopKey(plan.popSecret)
  const started = performance.now()
  const endsAt = started + plan.seconds * 1_000
  const deliveryEvents = plan.batchesPerDelivery * eventsPerBatch
  const pauseMs = plan.eventsPerSecondMax
    ? (1_000 * plan.outboxes * deliveryEvents) / plan.eventsPerSecondMax
    : 0
  const ackMs: number[] = []
  let bytes = 0
  let repeated = 0

  async function post(body: Uint8Array<ArrayBuffer>): Promise<number> {
    const request = { method: 'POST', path: ingestPath, body }
    const headers = await signRequest(key, request, { nowMs: Date.now(), nonce: randomUUID() })
    const response = await fetch(plan.url + ingestPath, { method: 'POST', headers, body })
    await response.arrayBuffer()
    return response.status
  }

  async function deliver(body: Uint8Array<ArrayBuffer>): Promise<void> {
    const begun = performance.now()
    for (let attempt = 1; ; attempt++) {
      const status = await post(body).catch(() => 0)
      if (status === 200) break
      if (attempt === attemptsMax) throw new Error(`no delivery is taken; the answer is ${status}`)
      repeated++
      await wait(repeatAfterMs)
    }
    ackMs.push(performance.now() - begun)
    bytes += body.length
  }

  async function sendAll(outbox: number): Promise<void> {
    let due = started
    for (let sequence = 0; performance.now() < endsAt; sequence += plan.batchesPerDelivery) {
      const delivery = deliveryOf(`outbox-${outbox}`, sequence, plan.batchesPerDelivery, Date.now())
      await deliver(new TextEncoder().encode(JSON.stringify(delivery)))
      due += pauseMs
      await wait(Math.max(0, Math.min(due, endsAt) - performance.now()))
    }
  }

  await Promise.all(Array.from({ length: plan.outboxes }, (_, outbox) => sendAll(outbox)))
  const { user, system } = process.cpuUsage()
  return {
    ...{ events: ackMs.length * deliveryEvents, bytes, repeated, ackMs },
    seconds: (performance.now() - started) / 1_000,
    cpuSeconds: (user + system) / 1e6,
  }
}

process.send?.(await run(JSON.parse(process.argv[2] ?? '') as LoadPlan))
process.disconnect?.()
