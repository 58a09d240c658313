import { describe, expect, it } from 'vitest'
import { limits } from '#shared/limits.ts'
import { baseMs, shelfEvent } from '#test/support/events.ts'
import { sqliteStorage } from '#test/support/sqlite-storage.ts'
import { batchesOf, coreOn, noAlarm, requestOf } from '#test/support/visitors.ts'

const batchBytes = 500_000

function viewOf(number: number, note = '') {
  return requestOf([shelfEvent({ messageId: `m${number}`, properties: { note } })])
}

function bytesOf(batches: readonly string[]): number {
  return batches.reduce((total, batch) => total + new TextEncoder().encode(batch).length, 0)
}

describe('the outbox', () => {
  it('gives its batches oldest first and keeps them until they are acknowledged', () => {
    const core = coreOn(sqliteStorage())
    for (const number of [1, 2, 3]) core.commit([viewOf(number)], baseMs, noAlarm)
    const slice = core.outbox.nextSlice()
    expect(core.outbox.nextSlice()).toEqual(slice)
    expect(batchesOf(core).map(({ sequence }) => sequence)).toEqual([1, 2, 3])
  })

  it('loses exactly what was acknowledged, not what came meanwhile', () => {
    const core = coreOn(sqliteStorage())
    core.commit([viewOf(1)], baseMs, noAlarm)
    const slice = core.outbox.nextSlice()
    core.commit([viewOf(2)], baseMs, noAlarm)
    if (slice) core.outbox.acknowledge(slice)
    expect(batchesOf(core).map(({ sequence }) => sequence)).toEqual([2])
    expect(core.outbox.backlog.batches).toBe(1)
    const rest = core.outbox.nextSlice()
    if (rest) core.outbox.acknowledge(rest)
    expect([core.outbox.nextSlice(), core.outbox.backlog]).toEqual([null, { batches: 0, bytes: 0 }])
  })

  it('gives way where the hub will never take its first batch, and keeps that with the reason', () => {
    const storage = sqliteStorage()
    const core = coreOn(storage)
    core.commit([viewOf(1), viewOf(2)], baseMs, noAlarm)
    const first = core.outbox.nextSlice(1)
    expect(first?.batches).toHaveLength(1)
    if (first) core.outbox.setAside(first, 'not_loggable')
    expect(batchesOf(core).map(({ sequence }) => sequence)).toEqual([2])
    expect(core.outbox.backlog.batches).toBe(1)
    const kept = storage.sql.exec<{ batch: string; reason: string }>(
      'SELECT batch, reason FROM set_aside',
    )
    expect(kept.toArray()).toEqual([{ batch: first?.batches[0], reason: 'not_loggable' }])
  })

  it('keeps what no more can be set aside, and sends the oldest again in their order', () => {
    const core = coreOn(sqliteStorage())
    const total = limits.setAsideBatchesMax + 1
    core.commit(
      Array.from({ length: total }, (_, number) => viewOf(number)),
      baseMs,
      noAlarm,
    )
    const setAsideFirst = () => {
      const first = core.outbox.nextSlice(1)
      return first !== null && core.outbox.setAside(first, 'not_loggable')
    }
    for (let count = 1; count < total; count++) expect(setAsideFirst()).toBe(true)
    expect(setAsideFirst()).toBe(false)
    expect(batchesOf(core).map(({ sequence }) => sequence)).toEqual([total])
    core.outbox.retrySetAside()
    const again = Array.from({ length: limits.setAsideRetryBatchesMax }, (_, at) => at + 1)
    expect(batchesOf(core).map(({ sequence }) => sequence)).toEqual([total, ...again])
    expect(core.outbox.backlog.batches).toBe(1 + again.length)
    expect([setAsideFirst(), core.outbox.hasSetAside()]).toEqual([true, true])
  })

  it('is cut into deliveries of bounded batches, in order and without a gap', () => {
    const core = coreOn(sqliteStorage())
    const total = limits.deliveryBatchesMax + 3
    const requests = Array.from({ length: total }, (_, number) => viewOf(number))
    core.commit(requests, baseMs, noAlarm)
    const sequences: number[] = []
    for (let slice = core.outbox.nextSlice(); slice !== null; slice = core.outbox.nextSlice()) {
      expect(slice.batches.length).toBeLessThanOrEqual(limits.deliveryBatchesMax)
      sequences.push(...slice.batches.map((batch) => JSON.parse(batch).sequence))
      core.outbox.acknowledge(slice)
    }
    expect(sequences).toEqual(Array.from({ length: total }, (_, at) => at + 1))
  })

  it.each([
    ['Latin', 'x'],
    ['Japanese, with three bytes a character,', '語'],
  ])('is cut into deliveries of bounded bytes, in %s too', (_script, character) => {
    const core = coreOn(sqliteStorage())
    const note = character.repeat(batchBytes / 3)
    for (let number = 0; number < 15; number++) core.commit([viewOf(number, note)], baseMs, noAlarm)
    let deliveries = 0
    for (let slice = core.outbox.nextSlice(); slice !== null; slice = core.outbox.nextSlice()) {
      expect(bytesOf(slice.batches)).toBeLessThanOrEqual(limits.deliveryBytesMax)
      core.outbox.acknowledge(slice)
      deliveries++
    }
    expect(deliveries).toBeGreaterThan(0)
    expect(core.outbox.backlog).toEqual({ batches: 0, bytes: 0 })
  })

  it('gives a batch that is larger than a delivery should be alone, and not never', () => {
    const core = coreOn(sqliteStorage())
    core.commit([viewOf(1, 'x'.repeat(limits.deliveryBytesMax))], baseMs, noAlarm)
    core.commit([viewOf(2)], baseMs, noAlarm)
    expect(batchesOf(core).map(({ sequence }) => sequence)).toEqual([1])
  })

  it('answers outbox_full at its bound, and writes nothing', () => {
    const core = coreOn(sqliteStorage(), 100)
    expect(core.commit([viewOf(1)], baseMs, noAlarm)).toMatchObject([{ ok: true }])
    const before = { batches: batchesOf(core), ...core.look(requestOf([])) }
    const refused = core.commit([viewOf(2)], baseMs, noAlarm)
    expect(refused).toEqual([{ ok: false, reason: 'outbox_full' }])
    expect({ batches: batchesOf(core), ...core.look(requestOf([])) }).toEqual(before)
  })

  it('takes again what it refused once there is room', () => {
    const core = coreOn(sqliteStorage(), 100)
    core.commit([viewOf(1)], baseMs, noAlarm)
    core.commit([viewOf(2)], baseMs, noAlarm)
    const slice = core.outbox.nextSlice()
    if (slice) core.outbox.acknowledge(slice)
    expect(core.commit([viewOf(2)], baseMs, noAlarm)).toMatchObject([
      { ok: true, accepted: 1, duplicates: 0 },
    ])
  })
})

describe('a commit that fails', () => {
  it('takes back rows, session and backlog, and leaves everything ready for the next', () => {
    const core = coreOn(sqliteStorage())
    core.commit([viewOf(1)], baseMs, noAlarm)
    const before = {
      backlog: core.outbox.backlog,
      batches: batchesOf(core),
      ...core.look(requestOf([])),
    }
    const failing = () => {
      throw new Error('the alarm cannot be set')
    }
    expect(() => core.commit([viewOf(2), viewOf(3)], baseMs, failing)).toThrow('alarm')
    expect({
      backlog: core.outbox.backlog,
      batches: batchesOf(core),
      ...core.look(requestOf([])),
    }).toEqual(before)
    expect(core.commit([viewOf(2)], baseMs, noAlarm)).toMatchObject([{ accepted: 1 }])
    expect(batchesOf(core).map(({ sequence }) => sequence)).toEqual([1, 2])
  })

  it('takes back only itself inside a transaction of the caller', () => {
    const storage = sqliteStorage()
    const core = coreOn(storage)
    storage.transactionSync(() => {
      core.commit([viewOf(1)], baseMs, noAlarm)
      const failing = () => {
        throw new Error('no')
      }
      expect(() => core.commit([viewOf(2)], baseMs, failing)).toThrow('no')
    })
    expect(batchesOf(core).map(({ sequence }) => sequence)).toEqual([1])
  })

  it('arms once for requests that are committed together', () => {
    const core = coreOn(sqliteStorage())
    let alarms = 0
    core.commit([viewOf(1), viewOf(2), viewOf(3)], baseMs, () => alarms++)
    expect(alarms).toBe(1)
  })
})
