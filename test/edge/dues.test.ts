import { describe, expect, it } from 'vitest'
import type { VisitorsCore } from '#edge/visitors/core.ts'
import type { Due } from '#edge/visitors/dues.ts'
import { limits } from '#shared/limits.ts'
import { baseMs, shelfEvent } from '#test/support/events.ts'
import { sqliteStorage } from '#test/support/sqlite-storage.ts'
import { coreOn, noAlarm, requestOf } from '#test/support/visitors.ts'

let sent = 0
/** Commits an event of a visitor with what a placement wants remembered of it. */
function remember(core: VisitorsCore, visitor: string, dueAt: number | null, more = {}) {
  const change = { placement: 'ward', before: 'null', after: null, dueAt, ...more }
  const events = [shelfEvent({ messageId: `m-${++sent}` })]
  return core.commit([requestOf(events, { visitor, memories: [change] })], baseMs, noAlarm)
}
const takenAt = (core: VisitorsCore, nowMs: number) =>
  core.dues.take(nowMs, 10).map(({ visitor, dueAt }) => [visitor, dueAt])

describe('what the clock is to decide', () => {
  it('is taken when it is due, the earliest first, also after a restart', () => {
    const disk = sqliteStorage()
    const core = coreOn(disk)
    remember(core, 'a:2', baseMs + 20)
    remember(core, 'a:1', baseMs + 10)
    for (const each of [core, coreOn(disk)]) {
      expect(each.dues.nextAt).toBe(baseMs + 10)
      expect(takenAt(each, baseMs + 9)).toEqual([])
      expect(takenAt(each, baseMs + 20)).toEqual([
        ['a:1', baseMs + 10],
        ['a:2', baseMs + 20],
      ])
      expect(each.dues.take(baseMs + 20, 1)).toHaveLength(1)
    }
  })

  it('is another with what is remembered, and none where that asks for none', () => {
    const core = coreOn(sqliteStorage())
    remember(core, 'a:1', baseMs + 10)
    remember(core, 'a:1', baseMs + 30)
    expect(takenAt(core, baseMs + 99)).toEqual([['a:1', baseMs + 30]])
    remember(core, 'a:1', null)
    expect(core.dues.nextAt).toBeNull()
  })

  it('is not changed by a decision that was made from something else', () => {
    const core = coreOn(sqliteStorage())
    remember(core, 'a:1', baseMs + 10)
    expect(remember(core, 'a:1', null, { before: '"older"' })).toMatchObject([
      { isOvertaken: true },
    ])
    expect(core.dues.nextAt).toBe(baseMs + 10)
  })

  it('goes with an erased visitor, and is taken back with its transaction', () => {
    const core = coreOn(sqliteStorage())
    remember(core, 'a:1', baseMs + 10)
    remember(core, 'a:2', baseMs + 20)
    core.erase({ site: 'demo', visitor: 'a:1' }, baseMs)
    expect(core.dues.nextAt).toBe(baseMs + 20)
    const failing = requestOf([shelfEvent({ messageId: 'x', items: null as never })])
    const good = requestOf([shelfEvent({ messageId: 'y' })], {
      memories: [{ placement: 'ward', before: 'null', after: null, dueAt: baseMs + 1 }],
    })
    expect(() => core.commit([good, failing], baseMs, noAlarm)).toThrow()
    expect(core.dues.nextAt).toBe(baseMs + 20)
  })

  it('that was settled is moved or gone, unless a commit has put another in its place', () => {
    const core = coreOn(sqliteStorage())
    remember(core, 'a:1', baseMs + 10)
    const [due] = core.dues.take(baseMs + 10, 1) as [Due]
    core.dues.settle([due], [{ dueAt: baseMs + 5_000 }], baseMs + 10)
    expect(core.dues.nextAt).toBe(baseMs + 5_000)
    for (const settled of [{ dueAt: null }, { dueAt: baseMs + 7_000 }, 'again'] as const) {
      core.dues.settle([due], [settled], baseMs + 10)
      expect(core.dues.nextAt).toBe(baseMs + 5_000)
    }
  })

  it('by a clock that is ahead of the one that decides is asked again, and not at once', () => {
    const core = coreOn(sqliteStorage())
    remember(core, 'a:1', baseMs + 10)
    const [due] = core.dues.take(baseMs + 10, 1) as [Due]
    core.dues.settle([due], [{ dueAt: baseMs + 10 }], baseMs + 10)
    expect(core.dues.nextAt).toBe(baseMs + 10 + limits.alertClockMsMin)
  })

  it('stays as it was where it could not be settled', () => {
    const core = coreOn(sqliteStorage())
    remember(core, 'a:1', baseMs + 10)
    remember(core, 'a:2', baseMs + 20)
    const both = core.dues.take(baseMs + 20, 2)
    expect(() => core.dues.settle(both, [{ dueAt: null }], baseMs + 20)).toThrow()
    expect(core.dues.nextAt).toBe(baseMs + 10)
    expect(takenAt(core, baseMs + 20)).toHaveLength(2)
  })

  it('is asked of each alert that was raised before anybody kept what is due', () => {
    const disk = sqliteStorage()
    const core = coreOn(disk)
    const raised = { level: 1, notifiedAt: baseMs, acknowledgedAt: null }
    const memories: Record<string, object> = {
      'a:raised': raised,
      'a:streamed': { stream: null, kind: raised },
      'a:over': { ...raised, level: 0 },
      'a:acknowledged': { ...raised, acknowledgedAt: baseMs },
      'a:other': { level: 3 },
    }
    for (const [visitor, after] of Object.entries(memories)) {
      remember(core, visitor, null, { after })
    }
    disk.sql.exec("UPDATE visitors SET memory = '{\"notifiedAt\"' WHERE visitor = 'a:other'")
    disk.sql.exec('DROP TABLE dues')
    const upgraded = coreOn(disk)
    const asked = upgraded.dues
      .take(baseMs, 10)
      .map(({ visitor, placement }) => [visitor, placement])
    expect(asked).toEqual([
      ['a:raised', 'ward'],
      ['a:streamed', 'ward'],
    ])
    disk.sql.exec('DELETE FROM dues')
    expect(coreOn(disk).dues.nextAt).toBeNull()
  })

  it('that is to be asked again lets the others pass, and is given up after a day of it', () => {
    const core = coreOn(sqliteStorage())
    remember(core, 'a:1', baseMs + 10)
    remember(core, 'a:2', baseMs + 20)
    const [due] = core.dues.take(baseMs + 10, 1) as [Due]
    core.dues.settle([due], ['again'], baseMs + 20)
    expect(takenAt(core, baseMs + 20)).toEqual([['a:2', baseMs + 20]])
    expect(takenAt(core, baseMs + 60_000)).toHaveLength(2)
    core.dues.settle([due], ['again'], baseMs + 20 + limits.alertUnseenMsMax)
    expect(takenAt(core, baseMs + 10 ** 9)).toHaveLength(2)
    core.dues.settle([due], ['again'], baseMs + 21 + limits.alertUnseenMsMax)
    expect(takenAt(core, baseMs + 10 ** 9)).toEqual([['a:2', baseMs + 20]])
  })

  it('has a day of tries however late the first is, and another after each decision', () => {
    const core = coreOn(sqliteStorage())
    remember(core, 'a:1', baseMs + 10)
    const [due] = core.dues.take(baseMs + 10, 1) as [Due]
    const lateMs = baseMs + 9 * limits.alertUnseenMsMax
    core.dues.settle([due], ['again'], lateMs)
    expect(core.dues.nextAt).toBe(lateMs + 10_000)
    core.dues.settle([due], [{ dueAt: lateMs }], lateMs)
    const laterMs = lateMs + 2 * limits.alertUnseenMsMax
    const [again] = core.dues.take(laterMs, 1) as [Due]
    core.dues.settle([again], ['again'], laterMs)
    expect(core.dues.nextAt).toBe(laterMs + 10_000)
  })
})
