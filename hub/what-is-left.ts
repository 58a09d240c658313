import type { Environment } from './environment.ts'
import { recordsTopic, storeGroup } from './log/topics.ts'

/** Says in one line what an earlier run left in the log; storing it is the consumer's ordinary work. */
export async function tellWhatIsLeft({ log, logger }: Environment): Promise<void> {
  const lag = await log.lag(recordsTopic, storeGroup)
  const batches = lag.reduce((sum, { messages }) => sum + messages, 0)
  if (batches === 0) return
  const times = lag.flatMap(({ oldestAppendedAtMs }) => oldestAppendedAtMs ?? [])
  const oldest = times.length > 0 ? new Date(Math.min(...times)).toISOString() : null
  logger.info({ batches, oldest }, 'an earlier run left batches in the log; they are stored now')
}
