import { describe, expect, it } from 'vitest'
import { readOutbox, reportOf } from '#edge/visitors/outbox-state.ts'
import { baseMs, shelfEvent } from '#test/support/events.ts'
import { sqliteStorage } from '#test/support/sqlite-storage.ts'
import { coreOn, noAlarm, requestOf } from '#test/support/visitors.ts'

const viewAt = (messageId: string, receivedAt: number) =>
  requestOf([shelfEvent({ messageId, receivedAt })])

describe('the state of an outbox', () => {
  it('tells when its oldest event came, and the next one once the hub has that', () => {
    const storage = sqliteStorage()
    const core = coreOn(storage)
    expect(readOutbox(storage, core.outbox.backlog)).toEqual({
      ...{ batches: 0, bytes: 0, oldestAtMs: null, setAsideBatches: 0 },
    })
    core.commit([viewAt('m1', baseMs)], baseMs, noAlarm)
    core.commit([viewAt('m2', baseMs + 5_000)], baseMs + 5_000, noAlarm)
    expect(readOutbox(storage, core.outbox.backlog)).toMatchObject({
      batches: 2,
      oldestAtMs: baseMs,
    })
    const first = core.outbox.nextSlice(1)
    if (first) core.outbox.acknowledge(first)
    const state = readOutbox(storage, core.outbox.backlog)
    expect(state).toMatchObject({ batches: 1, oldestAtMs: baseMs + 5_000 })
    expect(reportOf(state, baseMs + 12_000)).toEqual({
      ...{ batches: 1, bytes: state.bytes, oldestAgeMs: 7_000 },
    })
  })

  it('knows the age of a refusal that nothing accepted came with', () => {
    const storage = sqliteStorage()
    const core = coreOn(storage)
    const refusal = { kind: 'refusal' as const, at: baseMs, messageId: '', reason: 'too_deep' }
    const records = [{ ...refusal, field: '', detail: '', body: '' }]
    core.commit([requestOf([], { records })], baseMs, noAlarm)
    expect(readOutbox(storage, core.outbox.backlog)).toMatchObject({ oldestAtMs: baseMs })
  })

  it('counts what is set aside, and that no longer waits', () => {
    const storage = sqliteStorage()
    const core = coreOn(storage)
    core.commit([viewAt('m1', baseMs)], baseMs, noAlarm)
    const slice = core.outbox.nextSlice()
    if (slice) core.outbox.setAside(slice, 'not_loggable')
    expect(readOutbox(storage, core.outbox.backlog)).toEqual({
      ...{ batches: 0, bytes: 0, oldestAtMs: null, setAsideBatches: 1 },
    })
  })
})
