import { fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest'
import type { LogChunk } from '#hub/log/log.ts'
import { openSqliteLog, type SqliteLogOptions } from '#hub/log/sqlite-log.ts'
import { logContract, messagesOf, numbersOf } from './log-contract.ts'

const waiting = { timeout: 15_000 }

let root = ''
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'shelfedge-log-'))
})
afterAll(() => rm(root, { recursive: true, force: true }))

const retryBackoff = { firstMs: 1, longestMs: 5 }

describe('the embedded log', () => {
  logContract({
    open: async (place) =>
      openSqliteLog({ nowMs: Date.now, directory: join(root, place), retryBackoff }),
    knowsIdentities: true,
    waitMs: 5_000,
  })
})

function open(place: string, options: Partial<SqliteLogOptions> = {}) {
  const log = openSqliteLog({
    nowMs: Date.now,
    directory: join(root, place),
    retryBackoff,
    partitionsPerTopic: 1,
    ...options,
  })
  onTestFinished(() => log.close())
  return log
}

/** A process that appends without end; every acknowledged identity is told to us. */
function startAppender(directory: string) {
  const child = fork(new URL('../support/log-appender.ts', import.meta.url), [directory], {
    execArgv: [],
  })
  const acknowledged: string[] = []
  child.on('message', (identities: string[]) => void acknowledged.push(...identities))
  return { child, acknowledged }
}

test('a process killed while appending has lost nothing it acknowledged', async () => {
  const { child, acknowledged } = startAppender(join(root, 'killed'))
  await vi.waitFor(() => expect(acknowledged.length).toBeGreaterThan(300), { timeout: 10_000 })
  child.kill('SIGKILL')
  await once(child, 'exit')
  const log = open('killed')
  const kept = new Set<string>()
  await log.consume('events', 'group', async (chunk) => {
    for (const message of chunk.messages) kept.add(message.identity)
  })
  await vi.waitFor(
    () => expect(acknowledged.filter((identity) => !kept.has(identity))).toEqual([]),
    waiting,
  )
})

test('a second process cannot open the same log', async () => {
  const { child, acknowledged } = startAppender(join(root, 'shared'))
  onTestFinished(() => void child.kill('SIGKILL'))
  await vi.waitFor(() => expect(acknowledged.length).toBeGreaterThan(0), { timeout: 10_000 })
  expect(() => open('shared')).toThrow(
    expect.objectContaining({ code: 'unavailable', retryable: true }),
  )
})

test('a chunk that was not finished comes again with the same offsets, though more is there', async () => {
  const log = open('planned')
  await log.append('events', messagesOf('ann', 5))
  const attempted: LogChunk[] = []
  const consumption = await log.consume('events', 'group', async (chunk) => {
    attempted.push(chunk)
    throw new Error('the store is away')
  })
  await vi.waitFor(() => expect(attempted.length).toBeGreaterThan(0), waiting)
  await log.append('events', messagesOf('ann', 5, 5))
  await consumption.stop()
  await log.close()

  const done: LogChunk[] = []
  await open('planned').consume('events', 'group', async (chunk) => void done.push(chunk))
  await vi.waitFor(() => expect(numbersOf('ann', done)).toHaveLength(10), waiting)
  expect(done[0]).toMatchObject({ firstOffset: 0n, lastOffset: 4n })
})

test('a chunk waits for company when it may', async () => {
  const log = open('linger')
  const chunks: LogChunk[] = []
  await log.consume('events', 'group', async (chunk) => void chunks.push(chunk), { lingerMs: 200 })
  await log.append('events', messagesOf('ann', 1))
  await log.append('events', messagesOf('ann', 1, 1))
  await vi.waitFor(() => expect(numbersOf('ann', chunks)).toEqual([0, 1]), waiting)
  expect(chunks).toHaveLength(1)
})

test('what all groups have consumed leaves when it is old, and offsets go on', async () => {
  let nowMs = 1_000_000
  const options = { nowMs: () => nowMs, retentionMs: 1_000, trimEveryMs: 5 }
  const log = open('retention', options)
  await log.append('events', messagesOf('ann', 3))
  const consumption = await log.consume('events', 'group', async () => undefined)
  await vi.waitFor(
    async () => expect((await log.lag('events', 'group'))[0]?.messages).toBe(0),
    waiting,
  )
  expect(await log.append('events', messagesOf('ann', 3))).toMatchObject({ duplicates: 3 })
  await consumption.stop()
  await log.append('events', messagesOf('bob', 1))
  nowMs += 1_001
  // An identity is forgotten with its message, no earlier than the retention; that shows when it left.
  await vi.waitFor(
    async () =>
      expect(await log.append('events', messagesOf('ann', 1))).toMatchObject({ appended: 1 }),
    waiting,
  )
  await log.close()
  const chunks: LogChunk[] = []
  await open('retention', options).consume(
    'events',
    'group',
    async (chunk) => void chunks.push(chunk),
  )
  await vi.waitFor(() => expect(numbersOf('bob', chunks)).toEqual([0]), waiting)
  expect(chunks[0]?.firstOffset).toBe(3n)
})

test('beyond its bounds it says so, and takes more when there is room', async () => {
  const log = open('bounds', { waitingCharactersMax: 1_000, sizeBytesMax: 200_000 })
  const wide = (from: number) =>
    messagesOf('ann', 1, from).map((message) => ({ ...message, value: 'x'.repeat(700) }))
  const [first, second] = await Promise.allSettled([
    log.append('events', wide(0)),
    log.append('events', wide(1)),
  ])
  expect(first.status).toBe('fulfilled')
  expect(second).toMatchObject({
    status: 'rejected',
    reason: { code: 'overloaded', retryable: true },
  })
  expect(await log.append('events', wide(1))).toMatchObject({ appended: 1 })
  const fill = async () => {
    for (let number = 2; number < 1_000; number++) await log.append('events', wide(number))
  }
  await expect(fill()).rejects.toMatchObject({ code: 'full', retryable: true })
})

test('near its size it lets go of what was consumed, however young', {
  timeout: 20_000,
}, async () => {
  const log = open('pressed', { sizeBytesMax: 400_000, trimEveryMs: 5 })
  const consumption = await log.consume('events', 'group', async () => undefined)
  for (let batch = 0; batch < 100; batch++) {
    const messages = Array.from({ length: 20 }, (_, index) => ({
      key: 'shop ann',
      identity: `${batch}-${index}`,
      value: 'x'.repeat(700),
    }))
    await vi.waitFor(() => log.append('events', messages), { timeout: 5_000, interval: 5 })
  }
  await consumption.stop()
})

test('an append larger than a commit is kept whole', async () => {
  const log = open('slices', { commitMessagesMax: 10 })
  expect(await log.append('events', messagesOf('ann', 95))).toEqual({ appended: 95, duplicates: 0 })
})

test('a topic keeps the number of partitions it was made with', async () => {
  const log = open('partitions', { partitionsPerTopic: 3 })
  await log.append('events', messagesOf('ann', 1))
  await log.close()
  expect(await open('partitions', { partitionsPerTopic: 8 }).lag('events', 'group')).toHaveLength(3)
})
