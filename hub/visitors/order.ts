import { RequestRefused } from '#shared/request-refused.ts'
import type { Environment } from '../environment.ts'
import type { Erasure } from '../registry/registry.ts'
import { storeTarget, waitingFor } from './coverage.ts'
import type { VisitorName } from './name.ts'

/** What an erasure does not reach, for the person who asked: docs/decisions/009-erasure.md has the reasons. */
const embeddedLog = 'the log keeps the text of messages for 24 hours after they were stored'
const kafkaLog = 'the log keeps the text of messages for as long as its Kafka topic keeps any'
const registryRow = 'the registry keeps this order: the key, the time and who confirmed it'

/** Erases a visitor: orders it for good, tells every POP, deletes from the store; answers who has done it. */
export async function orderErasure(name: VisitorName, by: string, environment: Environment) {
  const { registry, eraser, erasures, config, now } = environment
  if (eraser.isFull) {
    throw new RequestRefused(429, 'too_many_erasures', 'POPs have many orders to confirm first', 60)
  }
  const order = { ...name, at: new Date(now()), by }
  const erasure = { ...order, number: await registry.addErasure(order), confirmations: [] }
  erasures.set(erasure)
  await eraser.eraseNow()
  return {
    ...name,
    ...stateOf(erasures.get(erasure.number) ?? erasure, environment),
    remains: [config.kafka ? kafkaLog : embeddedLog, registryRow],
  }
}

/** How far an order is: who has confirmed it, with what was found there, and who has not, with the reason. */
export function stateOf(erasure: Erasure, { config, eraser }: Environment) {
  const waiting = waitingFor(erasure, config.popUrls)
  const targets = [...config.popUrls, storeTarget].map((target) => {
    const confirmed = erasure.confirmations.filter((one) => one.target === target)
    if (waiting.includes(target)) {
      return { target, confirmed: false, reason: eraser.failureOf(erasure, target) }
    }
    return { target, confirmed: true, found: confirmed.map(({ found }) => found) }
  })
  return {
    order: erasure.number,
    orderedAt: erasure.at,
    complete: waiting.length === 0,
    found: erasure.confirmations.some(({ found }) => holdsSomething(found)),
    targets,
  }
}

function holdsSomething(found: Readonly<Record<string, unknown>>): boolean {
  return Object.values(found).some((value) => value === true || Number(value) > 0)
}
