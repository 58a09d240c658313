import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { VisitorsCore } from '#edge/visitors/core.ts'
import { limits } from '#shared/limits.ts'
import { arbitraryEvents } from '#test/support/arbitrary-events.ts'
import { baseMs, shelfEvent } from '#test/support/events.ts'
import { type SqliteStorage, sqliteStorage } from '#test/support/sqlite-storage.ts'
import { batchesOf, coreOn, noAlarm, requestOf } from '#test/support/visitors.ts'

const arbitraryRequests = fc.array(
  fc
    .record({ visitor: fc.constantFrom('a:1', 'a:2', 'u:1'), events: arbitraryEvents })
    .map(({ visitor, events }) => requestOf(events, { visitor })),
  { maxLength: 8 },
)

/** Runs a property on a fresh core for each of its runs. */
function holds(property: (core: VisitorsCore, storage: SqliteStorage) => void): void {
  const storage = sqliteStorage()
  try {
    property(coreOn(storage), storage)
  } finally {
    storage.close()
  }
}

describe('the order of what a visitor sends', () => {
  it('goes on in a later epoch after a restart, also from an older state of the files', () => {
    const storage = sqliteStorage()
    const view = (id: string) => requestOf([shelfEvent({ messageId: id })])
    coreOn(storage).commit([view('m1')], baseMs, noAlarm)
    const [first] = batchesOf(coreOn(storage))
    coreOn(storage, 1e9, baseMs + 5).commit([view('m2')], baseMs + 9, noAlarm)
    // The same file again, as it was before the second start.
    const restored = sqliteStorage()
    coreOn(restored).commit([view('m1')], baseMs, noAlarm)
    coreOn(restored, 1e9, baseMs + 50).commit([view('m3')], baseMs + 60, noAlarm)
    const places = [...batchesOf(coreOn(storage)), ...batchesOf(coreOn(restored))].map(
      ({ epoch, sequence }) => [epoch, sequence],
    )
    expect(first).toMatchObject({ epoch: baseMs, sequence: 1 })
    expect(places).toEqual([
      [baseMs, 1],
      [baseMs + 5, 2],
      [baseMs, 1],
      [baseMs + 50, 2],
    ])
    storage.close()
    restored.close()
  })
})

describe('what a visitor sends', () => {
  it('changes nothing when it is sent again', () => {
    fc.assert(
      fc.property(arbitraryEvents, (events) =>
        holds((core) => {
          const [first] = core.commit([requestOf(events)], baseMs, noAlarm)
          const before = { batches: batchesOf(core), ...core.look(requestOf([])) }
          const again = core.commit([requestOf(events)], baseMs + 1, noAlarm)
          expect(again).toMatchObject([{ ok: true, accepted: 0, duplicates: events.length }])
          expect({ batches: batchesOf(core), ...core.look(requestOf([])) }).toEqual(before)
          expect(first).toMatchObject({ ok: true })
        }),
      ),
      { numRuns: 60 },
    )
  })

  it('is taken once however it is cut into requests', () => {
    fc.assert(
      fc.property(arbitraryEvents, fc.nat(40), (events, cut) =>
        holds((core) => {
          const overlapping = [events.slice(0, cut), events, events.slice(cut)]
          core.commit(
            overlapping.map((part) => requestOf(part)),
            baseMs,
            noAlarm,
          )
          const taken = batchesOf(core).flatMap(({ records }) => records)
          const ids = events.map(({ messageId }) => messageId)
          const takenIds = taken.map((record) => (record as { messageId: string }).messageId)
          expect(takenIds).toEqual([...new Set(ids)])
        }),
      ),
      { numRuns: 60 },
    )
  })

  it('is recognised as far back as a whole batch goes', () => {
    holds((core) => {
      const events = Array.from({ length: limits.batchEventsMax }, (_, number) =>
        shelfEvent({ messageId: `m${number}` }),
      )
      core.commit([requestOf(events)], baseMs, noAlarm)
      expect(core.commit([requestOf(events)], baseMs, noAlarm)).toMatchObject([
        { ok: true, accepted: 0, duplicates: limits.batchEventsMax },
      ])
    })
  })

  it('is not taken for what another visitor, or a visitor of another site, sent', () => {
    holds((core) => {
      const events = [shelfEvent()]
      const requests = [
        requestOf(events),
        requestOf(events, { visitor: 'a:2' }),
        requestOf(events, { site: 'other' }),
      ]
      const accepted = core.commit(requests, baseMs, noAlarm)
      expect(accepted.map((result) => result.ok && result.accepted)).toEqual([1, 1, 1])
    })
  })

  it('is seen before it is committed exactly as it is remembered after', () => {
    fc.assert(
      fc.property(arbitraryEvents, arbitraryEvents, (earlier, events) =>
        holds((core) => {
          core.commit([requestOf(earlier)], baseMs, noAlarm)
          const backlog = core.outbox.backlog
          const looked = core.look(requestOf(events))
          expect(core.look(requestOf(events))).toEqual(looked)
          expect(core.outbox.backlog).toEqual(backlog)
          core.commit([requestOf(events)], baseMs, noAlarm)
          expect(core.look(requestOf([]))).toEqual({ ...looked, isLastNew: false })
        }),
      ),
      { numRuns: 60 },
    )
  })
})

describe("a visitor's sequence", () => {
  it('has no gap and no repetition, whoever else sends in between', () => {
    fc.assert(
      fc.property(arbitraryRequests, (requests) =>
        holds((core) => {
          for (const request of requests) core.commit([request], baseMs, noAlarm)
          const sequences = Map.groupBy(batchesOf(core), ({ visitor }) => visitor)
          for (const batches of sequences.values()) {
            const expected = Array.from(batches, (_, at) => at + 1)
            expect(batches.map(({ sequence }) => sequence)).toEqual(expected)
            expect(new Set(batches.map(({ epoch }) => epoch)).size).toBe(1)
          }
        }),
      ),
      { numRuns: 60 },
    )
  })

  it('goes on after a restart, and so do dedupe, session and backlog', () => {
    const storage = sqliteStorage()
    const before = coreOn(storage)
    before.commit([requestOf([shelfEvent()])], baseMs, noAlarm)
    const after = coreOn(storage)
    expect(after.outbox.backlog).toEqual(before.outbox.backlog)
    const events = [shelfEvent(), shelfEvent({ messageId: 'message-2', items: ['item-2'] })]
    const results = after.commit([requestOf(events)], baseMs + 5, noAlarm)
    expect(results).toMatchObject([{ ok: true, accepted: 1, duplicates: 1 }])
    expect(batchesOf(after).map(({ epoch, sequence }) => [epoch, sequence])).toEqual([
      [baseMs, 1],
      [baseMs, 2],
    ])
    expect(after.look(requestOf([])).session?.items).toEqual(['item-1', 'item-2'])
    storage.close()
  })

  it('begins again in a new epoch once the visitor was forgotten, so no identity is used twice', () => {
    holds((core) => {
      core.commit([requestOf([shelfEvent()])], baseMs, noAlarm)
      core.commit([requestOf([shelfEvent()], { visitor: 'a:2' })], baseMs + 10, noAlarm)
      expect(core.forget(baseMs, baseMs)).toBe(baseMs)
      expect(core.forget(baseMs + 1, baseMs)).toBe(baseMs + 10)
      expect(core.look(requestOf([])).session).toBeNull()
      expect(core.forget(baseMs + 11, baseMs)).toBeNull()
      core.commit([requestOf([shelfEvent({ messageId: 'later' })])], baseMs + 20, noAlarm)
      expect(batchesOf(core).map(({ epoch, sequence }) => [epoch, sequence])).toEqual([
        [baseMs, 1],
        [baseMs + 10, 1],
        [baseMs + 20, 1],
      ])
    })
  })
})

describe('records without an event', () => {
  it('ride along in a batch of their own', () => {
    holds((core) => {
      const refusal = { kind: 'refusal', at: baseMs, messageId: 'm', reason: 'r' } as const
      const record = { ...refusal, field: '', detail: '', body: '' }
      core.commit([requestOf([], { records: [record] })], baseMs, noAlarm)
      expect(batchesOf(core)).toMatchObject([{ sequence: 1, records: [record] }])
    })
  })

  it('are nothing to forward where there is none', () => {
    holds((core) => {
      let alarms = 0
      core.commit([requestOf([])], baseMs, () => alarms++)
      expect([core.outbox.backlog.batches, alarms]).toEqual([0, 0])
    })
  })
})

describe('a table from before there were totals', () => {
  it('is brought up to date, and nobody in it is lost', () => {
    const storage = sqliteStorage()
    storage.sql.exec(`CREATE TABLE visitors (
      site TEXT NOT NULL, visitor TEXT NOT NULL, epoch INTEGER NOT NULL, sequence INTEGER NOT NULL,
      seen_at INTEGER NOT NULL, session TEXT, recent BLOB,
      PRIMARY KEY (site, visitor)) WITHOUT ROWID`)
    const known = coreOn(sqliteStorage())
    known.commit([requestOf([shelfEvent()])], baseMs, noAlarm)
    const { session } = known.look(requestOf([]))
    storage.sql.exec(
      'INSERT INTO visitors VALUES (?, ?, ?, ?, ?, ?, ?)',
      ...['demo', 'a:1', baseMs, 7, baseMs, JSON.stringify(session)],
      new ArrayBuffer(0),
    )
    coreOn(storage)
    const core = coreOn(storage)
    expect(core.look(requestOf([]))).toMatchObject({ session, totals: { events30d: 0 } })
    core.commit([requestOf([shelfEvent({ messageId: 'm2' })])], baseMs + 1, noAlarm)
    expect(batchesOf(core)).toMatchObject([{ epoch: baseMs, sequence: 8 }])
    expect(core.look(requestOf([]))).toMatchObject({
      ...{ session: { events: 2 }, totals: { events30d: 1, sessions30d: 0 } },
    })
    storage.close()
  })
})
