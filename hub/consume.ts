import { createHash } from 'node:crypto'
import type { DeadLetter } from './dead-letters/dead-letter.ts'
import { keepNew } from './dead-letters/letter-box.ts'
import type { Environment } from './environment.ts'
import type { Consumption, LogChunk } from './log/log.ts'
import { recordsTopic, storeGroup } from './log/topics.ts'
import { readChunk } from './read-records.ts'
import { storeRows } from './store-rows.ts'

/** Reads the log into the store for as long as the hub runs; an offset is committed after the insert. */
export function consume(environment: Environment): Promise<Consumption> {
  const { log, metrics, logger, erasures } = environment
  const handle = (chunk: LogChunk) => erasures.storing(() => storeChunk(chunk, environment))
  return log.consume(recordsTopic, storeGroup, handle, {
    lingerMs: 500,
    onRetry: (error, attempt) => {
      metrics.storeRetries.inc()
      logger.warn({ attempt, reason: String(error) }, 'a chunk was not stored, trying again')
    },
  })
}

/**
 * Stores one chunk of the log: read → leave out the erased → store → keep what could be neither read nor stored as dead letters
 * → queue for webhooks. Those come last: whoever is told of a decision finds it in the store.
 * It throws only what may pass, so that the log hands the chunk over again.
 */
export async function storeChunk(chunk: LogChunk, environment: Environment): Promise<void> {
  const reading = environment.erasures.without(readChunk(chunk))
  const token = tokenOf(chunk, reading.letters)
  const refused = await storeRows(reading, token, environment)
  await keepNew([...reading.letters, ...refused], token, environment)
  environment.webhooks.enqueue(reading.rows.decisions.map(({ row }) => row))
  environment.failPoint('after_insert')
}

/**
 * Names the chunk by where it lies, by what it holds and by what of it cannot be read: offsets begin again with
 * a new log, the next version of the hub may read more of the same chunk, and a token that was used for other
 * rows would drop these without a word.
 */
function tokenOf(chunk: LogChunk, unreadable: readonly DeadLetter[]): string {
  const { topic, partition, firstOffset, lastOffset, messages } = chunk
  const hash = createHash('sha256')
  for (const { identity } of messages) hash.update(`${identity.length}:${identity}`)
  for (const { id } of unreadable) hash.update(`!${id}`)
  return `${topic}:${partition}:${firstOffset}-${lastOffset}:${hash.digest('hex').slice(0, 32)}`
}
