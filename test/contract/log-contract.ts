/** What every log must do, whatever keeps it. */

import { randomUUID } from 'node:crypto'
import { expect, onTestFinished, test, vi } from 'vitest'
import type { Log, LogChunk, LogMessage } from '#hub/log/log.ts'

export interface LogContract {
  /** Opens a log that shares nothing with other tests; called again with the same value it opens the same one. */
  readonly open: (place: string) => Promise<Log>
  /** Whether the log itself drops a message whose identity it has already. */
  readonly knowsIdentities: boolean
  /** The longest a condition may take. */
  readonly waitMs: number
}

/** n messages of a visitor, numbered, so that their order can be checked. */
export function messagesOf(visitor: string, count: number, from = 0): LogMessage[] {
  return Array.from({ length: count }, (_, index) => ({
    key: `shop ${visitor}`,
    identity: `${visitor}-${from + index}`,
    value: JSON.stringify({ visitor, number: from + index, text: 'naïve ✓ 🛒' }),
  }))
}

/** The numbers a visitor's messages carry, in the order they arrived. */
export function numbersOf(visitor: string, chunks: readonly LogChunk[]): number[] {
  return chunks
    .flatMap((chunk) => chunk.messages)
    .map((message) => JSON.parse(message.value) as { visitor: string; number: number })
    .filter((value) => value.visitor === visitor)
    .map((value) => value.number)
}

const upTo = (count: number) => Array.from({ length: count }, (_, index) => index)
const countOf = (chunks: readonly LogChunk[]) =>
  chunks.reduce((sum, chunk) => sum + chunk.messages.length, 0)

export function logContract({ open, knowsIdentities, waitMs }: LogContract): void {
  const until = (check: () => void | Promise<void>) =>
    vi.waitFor(check, { timeout: waitMs, interval: 10 })

  async function openFresh(place = `t${randomUUID()}`) {
    const log = await open(place)
    onTestFinished(() => log.close())
    return { log, topic: place, place }
  }

  test('hands over what was appended, whole, in order for a visitor, partition by key', async () => {
    const { log, topic } = await openFresh()
    const visitors = ['ann', 'bob', 'cy', 'dee', 'eve']
    const answers = await Promise.all(
      visitors.map((visitor) => log.append(topic, messagesOf(visitor, 40))),
    )
    expect(answers).toEqual(visitors.map(() => ({ appended: 40, duplicates: 0 })))
    const chunks: LogChunk[] = []
    await log.consume(topic, 'group', async (chunk) => void chunks.push(chunk))
    await until(() => expect(countOf(chunks)).toBe(200))
    for (const visitor of visitors) {
      expect(numbersOf(visitor, chunks)).toEqual(upTo(40))
      const holders = chunks.filter((chunk) => numbersOf(visitor, [chunk]).length > 0)
      expect(new Set(holders.map((chunk) => chunk.partition)).size).toBe(1)
    }
    expect(chunks[0]?.messages[0]?.value).toContain('naïve ✓ 🛒')
  })

  test('names a chunk by its first and last offset, each chunk going on where the last ended', async () => {
    const { log, topic } = await openFresh()
    await log.append(topic, messagesOf('ann', 25))
    const chunks: LogChunk[] = []
    await log.consume(topic, 'group', async (chunk) => void chunks.push(chunk), {
      chunkMessagesMax: 10,
    })
    await until(() => expect(countOf(chunks)).toBe(25))
    let next = chunks[0]?.firstOffset ?? -1n
    for (const chunk of chunks) {
      expect(chunk.messages.length).toBeLessThanOrEqual(10)
      expect(chunk.firstOffset).toBe(next)
      expect(chunk.messages[0]?.offset).toBe(chunk.firstOffset)
      expect(chunk.messages.at(-1)?.offset).toBe(chunk.lastOffset)
      next = chunk.lastOffset + 1n
    }
  })

  test('bounds a chunk in characters, and still hands over a message that is larger', async () => {
    const { log, topic } = await openFresh()
    const large = messagesOf('ann', 6).map((message) => ({
      ...message,
      value: message.value.padEnd(3_000),
    }))
    await log.append(topic, large)
    const chunks: LogChunk[] = []
    const options = { chunkCharactersMax: 2_000 }
    await log.consume(topic, 'group', async (chunk) => void chunks.push(chunk), options)
    await until(() => expect(countOf(chunks)).toBe(6))
    expect(chunks.map((chunk) => chunk.messages.length)).toEqual([1, 1, 1, 1, 1, 1])
  })

  test('gives a chunk again to a handler that threw, and nothing later before it', async () => {
    const { log, topic } = await openFresh()
    await log.append(topic, messagesOf('ann', 30))
    const attempts: string[] = []
    const done: LogChunk[] = []
    const retries: number[] = []
    const handle = async (chunk: LogChunk) => {
      attempts.push(`${chunk.firstOffset}-${chunk.lastOffset}`)
      if (attempts.length <= 3) throw new TypeError('a bug in the handler')
      done.push(chunk)
    }
    const onRetry = (_: unknown, attempt: number) => void retries.push(attempt)
    await log.consume(topic, 'group', handle, { chunkMessagesMax: 10, onRetry })
    await until(() => expect(countOf(done)).toBe(30))
    expect(new Set(attempts.slice(0, 4)).size).toBe(1)
    expect(retries).toEqual([1, 2, 3])
    expect(numbersOf('ann', done)).toEqual(upTo(30))
  })

  test('wakes a waiting consumer when something is appended', async () => {
    const { log, topic } = await openFresh()
    const chunks: LogChunk[] = []
    await log.consume(topic, 'group', async (chunk) => void chunks.push(chunk))
    for (const number of upTo(5)) {
      await log.append(topic, messagesOf('ann', 1, number))
      await until(() => expect(numbersOf('ann', chunks)).toEqual(upTo(number + 1)))
    }
  })

  test('goes on after stop and after being opened again where the group was', async () => {
    const { log, topic, place } = await openFresh()
    const chunks: LogChunk[] = []
    const handle = async (chunk: LogChunk) => void chunks.push(chunk)
    await log.append(topic, messagesOf('ann', 10))
    const first = await log.consume(topic, 'group', handle)
    await until(() => expect(countOf(chunks)).toBe(10))
    await first.stop()
    await log.append(topic, messagesOf('ann', 10, 10))
    await log.close()
    const { log: again } = await openFresh(place)
    await again.consume(topic, 'group', handle)
    await until(() => expect(countOf(chunks)).toBe(20))
    expect(numbersOf('ann', chunks)).toEqual(upTo(20))
  })

  test('stop waits for the chunk in hand, and keeps it as done', async () => {
    const { log, topic } = await openFresh()
    await log.append(topic, messagesOf('ann', 5))
    const started = Promise.withResolvers<void>()
    const release = Promise.withResolvers<void>()
    let finished = false
    const consumption = await log.consume(topic, 'group', async () => {
      started.resolve()
      await release.promise
      finished = true
    })
    await started.promise
    const stopped = consumption.stop().then(() => finished)
    release.resolve()
    expect(await stopped).toBe(true)
    const lag = await log.lag(topic, 'group')
    expect(lag.reduce((sum, partition) => sum + partition.messages, 0)).toBe(0)
  })

  test('keeps groups apart, and topics apart', async () => {
    const { log, topic } = await openFresh()
    const seen: Record<string, LogChunk[]> = { one: [], two: [], other: [] }
    await log.append(topic, messagesOf('ann', 7))
    await log.append(`${topic}-other`, messagesOf('ann', 3))
    await log.consume(topic, 'one', async (chunk) => void seen.one?.push(chunk))
    await log.consume(topic, 'two', async (chunk) => void seen.two?.push(chunk))
    await log.consume(`${topic}-other`, 'one', async (chunk) => void seen.other?.push(chunk))
    await until(() => expect(Object.values(seen).map(countOf)).toEqual([7, 7, 3]))
  })

  test('says how far a group is behind, and since when', async () => {
    const { log, topic } = await openFresh()
    const before = Date.now()
    await log.append(topic, messagesOf('ann', 12))
    const waiting = await log.lag(topic, 'group')
    expect(waiting.reduce((sum, partition) => sum + partition.messages, 0)).toBe(12)
    const oldest = waiting.find((partition) => partition.messages > 0)?.oldestAppendedAtMs ?? 0
    expect(oldest).toBeGreaterThanOrEqual(before - 1)
    expect(oldest).toBeLessThanOrEqual(Date.now() + 1)
    await log.consume(topic, 'group', async () => undefined)
    await until(async () => {
      const lag = await log.lag(topic, 'group')
      expect(lag.every((partition) => partition.messages === 0)).toBe(true)
      expect(lag.every((partition) => partition.oldestAppendedAtMs === null)).toBe(true)
    })
  })

  test('refuses what it could not keep without spoiling what is appended beside it', async () => {
    const { log, topic } = await openFresh()
    const bad = { key: 'shop ann', identity: '', value: '{}' }
    const [refused, kept] = await Promise.allSettled([
      log.append(topic, [...messagesOf('ann', 2), bad]),
      log.append(topic, messagesOf('bob', 2)),
    ])
    expect(refused).toMatchObject({
      status: 'rejected',
      reason: { code: 'invalid_message', retryable: false },
    })
    expect(kept).toMatchObject({ status: 'fulfilled', value: { appended: 2 } })
    expect(await log.append(topic, [])).toEqual({ appended: 0, duplicates: 0 })
  })

  test.runIf(knowsIdentities)(
    'appends an identity once, in one call, in two at a time, and later',
    async () => {
      const { log, topic, place } = await openFresh()
      const messages = messagesOf('ann', 10)
      const answers = await Promise.all([
        log.append(topic, [...messages, ...messages]),
        log.append(topic, messages),
      ])
      expect(answers.map((answer) => answer.appended).reduce((a, b) => a + b)).toBe(10)
      expect(answers.map((answer) => answer.duplicates).reduce((a, b) => a + b)).toBe(20)
      await log.close()
      const { log: again } = await openFresh(place)
      const mixed = [...messages, ...messagesOf('ann', 1, 10)]
      expect(await again.append(topic, mixed)).toEqual({ appended: 1, duplicates: 10 })
      expect(await again.append(`${topic}-other`, messages)).toEqual({
        appended: 10,
        duplicates: 0,
      })
    },
  )

  test('answers with an error once it is closed', async () => {
    const { log, topic } = await openFresh()
    await log.close()
    await expect(log.append(topic, messagesOf('ann', 1))).rejects.toMatchObject({ code: 'closed' })
  })
}
