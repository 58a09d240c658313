import pino from 'pino'
import { describe, expect, it } from 'vitest'
import { type Log, LogError } from '#hub/log/log.ts'
import { tellWhatIsLeft } from '#hub/what-is-left.ts'

const logger = pino({ level: 'silent' })

/** A broker answers so for a moment after its start, and no test can make it do so at will. */
function logThatFails(error: Error): Log {
  return { lag: () => Promise.reject(error) } as unknown as Log
}

describe('what an earlier run left in the log', () => {
  it('does not keep the hub from starting while the log cannot say it', async () => {
    const log = logThatFails(new LogError('unavailable', 'Kafka: the coordinator is loading'))
    await expect(tellWhatIsLeft({ log, logger })).resolves.toBeUndefined()
  })

  it('stops the start where asking again cannot help', async () => {
    const log = logThatFails(new LogError('closed', 'the log is closed'))
    await expect(tellWhatIsLeft({ log, logger })).rejects.toThrow('the log is closed')
  })
})
