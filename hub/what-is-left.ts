import type { Environment } from './environment.ts'
import { LogError } from './log/log.ts'
import { recordsTopic, storeGroup } from './log/topics.ts'

/**
 * Says in one line what an earlier run left in the log; storing it is the consumer's ordinary work. A log that
 * cannot say it yet, as a Kafka that has just started, does not keep the hub from starting.
 */
export async function tellWhatIsLeft({
  log,
  logger,
}: Pick<Environment, 'log' | 'logger'>): Promise<void> {
  const lag = await log.lag(recordsTopic, storeGroup).catch((cause: unknown) => {
    if (!(cause instanceof LogError) || cause.code !== 'unavailable') throw cause
    logger.warn({ reason: cause.message }, 'what an earlier run left in the log is not known yet')
    return []
  })
  const batches = lag.reduce((sum, { messages }) => sum + messages, 0)
  if (batches === 0) return
  const times = lag.flatMap(({ oldestAppendedAtMs }) => oldestAppendedAtMs ?? [])
  const oldest = times.length > 0 ? new Date(Math.min(...times)).toISOString() : null
  logger.info({ batches, oldest }, 'an earlier run left batches in the log; they are stored now')
}
