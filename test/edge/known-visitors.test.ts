import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { KnownVisitors } from '#edge/known-visitors.ts'
import type { VisitorRequest, VisitorsCore } from '#edge/visitors/core.ts'
import { type KeptVisitor, viewFrom } from '#edge/visitors/view.ts'
import type { ShelfEvent } from '#shared/event.ts'
import { limits } from '#shared/limits.ts'
import { arbitraryEvents } from '#test/support/arbitrary-events.ts'
import { baseMs, shelfEvent } from '#test/support/events.ts'
import { sqliteStorage } from '#test/support/sqlite-storage.ts'
import { batchesOf, coreOn, noAlarm, requestOf } from '#test/support/visitors.ts'

const name = { site: 'demo', visitor: 'a:1' }

/** Commits, and answers what is kept after it. */
function kept(core: VisitorsCore, events: readonly ShelfEvent[], more = {}): KeptVisitor {
  const request = requestOf(events, { wantsKept: true, ...more })
  const [result] = core.commit([request], baseMs, noAlarm)
  if (!result?.ok || !result.kept) throw new Error('nothing was told')
  return result.kept
}

const decision: Partial<VisitorRequest> = {
  records: [
    { kind: 'refusal', at: baseMs, messageId: '', reason: 'r', detail: '', body: '' },
  ] as never,
}
const overtaken = [{ ok: true, accepted: 0, isOvertaken: true }]

describe('what a commit tells of a visitor', () => {
  it('shows what a look would, of whatever comes next', () => {
    fc.assert(
      fc.property(arbitraryEvents, arbitraryEvents, (earlier, later) => {
        const storage = sqliteStorage()
        const core = coreOn(storage)
        const known = kept(core, [shelfEvent({ messageId: 'first' }), ...earlier])
        const seen = new Set(earlier.map(({ messageId }) => messageId))
        const events = later.filter(({ messageId }) => !seen.has(messageId) && seen.add(messageId))
        const view = viewFrom(known, events, limits.sessionIdleMsDefault, baseMs)
        expect(view).toEqual(core.look(requestOf(events)))
        const request = requestOf(events, { ...decision, seen: known.version })
        expect(core.commit([request], baseMs, noAlarm)).toMatchObject([
          { ok: true, accepted: events.length },
        ])
        storage.close()
      }),
      { numRuns: 60 },
    )
  })

  const changes: readonly (readonly [string, (core: VisitorsCore, known: KeptVisitor) => void])[] =
    [
      [
        'an event',
        (core) => core.commit([requestOf([shelfEvent({ messageId: 'm2' })])], baseMs, noAlarm),
      ],
      [
        'another decision',
        (core, { version }) =>
          core.commit([requestOf([], { ...decision, seen: version })], baseMs, noAlarm),
      ],
      ['an erasure', (core) => core.erase(name, baseMs)],
      [
        'an erasure, and who comes again',
        (core) => {
          core.erase(name, baseMs)
          kept(core, [shelfEvent({ messageId: 'm1' })])
        },
      ],
    ]
  it.each(changes)(
    'is out of date after %s: nothing is kept of what was decided from it',
    (_, change) => {
      const core = coreOn(sqliteStorage())
      const known = kept(core, [shelfEvent({ messageId: 'm1' })])
      change(core, known)
      const before = batchesOf(core)
      const request = requestOf([shelfEvent({ messageId: 'm3' })], {
        ...decision,
        seen: known.version,
      })
      expect(core.commit([request], baseMs, noAlarm)).toMatchObject(overtaken)
      expect(batchesOf(core)).toEqual(before)
    },
  )

  it('is not enough where an event comes a second time, for a decision would count it twice', () => {
    const core = coreOn(sqliteStorage())
    const again = [shelfEvent({ messageId: 'm1' })]
    const { version } = kept(core, again)
    const request = requestOf(again, { ...decision, seen: version })
    expect(core.commit([request], baseMs, noAlarm)).toMatchObject(overtaken)
  })

  it('is out of date when a profile has come', () => {
    const core = coreOn(sqliteStorage())
    const reads = { readsProfile: true }
    const known = kept(core, [shelfEvent({ messageId: 'm1' })], reads)
    const [epoch] = known.version.split('.').map(Number)
    const profile = { asOf: baseMs, values: { orders: 1 } }
    core.keepProfiles('demo', [{ visitor: 'a:1', epoch: epoch as number, asOf: baseMs, profile }])
    const request = requestOf([], { ...decision, ...reads, seen: known.version })
    expect(core.commit([request], baseMs, noAlarm)).toMatchObject(overtaken)
    const newer = kept(core, [shelfEvent({ messageId: 'm2' })], reads)
    expect(viewFrom(newer, [], limits.sessionIdleMsDefault, baseMs)).toMatchObject({ profile })
  })
})

describe('the visitors an isolate knows', () => {
  const visitor: KeptVisitor = {
    version: '1.1.',
    session: '{}',
    totals: null,
    memory: null,
    profile: null,
  }

  it('are each of one site, until they are forgotten', () => {
    const known = new KnownVisitors()
    known.keep('demo', 'a:1', visitor, baseMs)
    expect(known.get('demo', 'a:1', baseMs)).toBe(visitor)
    expect(known.get('other', 'a:1', baseMs)).toBeNull()
    known.forget('demo', 'a:1')
    expect(known.get('demo', 'a:1', baseMs)).toBeNull()
  })

  it('are bounded by age', () => {
    const known = new KnownVisitors()
    known.keep('demo', 'a:1', visitor, baseMs)
    expect(known.get('demo', 'a:1', baseMs + limits.knownVisitorMsMax - 1)).toBe(visitor)
    expect(known.get('demo', 'a:1', baseMs + limits.knownVisitorMsMax)).toBeNull()
  })

  it('are bounded by number: whoever was not heard of for longest goes first', () => {
    const known = new KnownVisitors()
    const names = Array.from({ length: limits.knownVisitorsMax }, (_, index) => `a:${index}`)
    for (const each of names) known.keep('demo', each, visitor, baseMs)
    known.keep('demo', 'a:0', visitor, baseMs)
    known.keep('demo', 'a:new', visitor, baseMs)
    expect(['a:0', 'a:1', 'a:2', 'a:new'].map((each) => known.get('demo', each, baseMs))).toEqual([
      ...[visitor, null, visitor, visitor],
    ])
  })

  it('are bounded by size: what was known of one that has grown past it is not kept either', () => {
    const known = new KnownVisitors()
    known.keep('demo', 'a:1', visitor, baseMs)
    const memory = 'x'.repeat(limits.knownVisitorCharactersMax)
    known.keep('demo', 'a:1', { ...visitor, memory }, baseMs)
    expect(known.get('demo', 'a:1', baseMs)).toBeNull()
  })
})
