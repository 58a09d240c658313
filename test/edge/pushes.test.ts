import { describe, expect, it } from 'vitest'
import { forgetPushes, keepPush, type Push, pushTables, watch } from '#edge/visitors/pushes.ts'
import { limits } from '#shared/limits.ts'
import { baseMs } from '#test/support/events.ts'
import { sqliteStorage } from '#test/support/sqlite-storage.ts'

const name = { site: 'demo', visitor: 'a:1' }

/** A visitor who is watched from `baseMs` on, and has been told of one decision. */
function watched() {
  const storage = sqliteStorage()
  for (const table of pushTables) storage.sql.exec(table)
  watch(storage, name, null, baseMs)
  const told = keepPush(storage, name, () => 'first', baseMs + 10) as Push
  const lapsedMs = baseMs + limits.streamResumeMs
  return { storage, told, lapsedMs }
}

describe('a stream that comes back', () => {
  it('while it is watched goes on where it was, and has missed nothing', () => {
    const { storage, told, lapsedMs } = watched()
    const push = keepPush(storage, name, () => 'second', lapsedMs - 2) as Push
    const resumed = watch(storage, name, told.number, lapsedMs - 1)
    expect(resumed).toMatchObject({ pushes: [push], hasMissed: false })
    expect(watch(storage, name, push.number, lapsedMs).hasMissed).toBe(false)
  })

  it.each([
    ['before', false],
    ['after', true],
  ])(
    'once the watch is over says that it may have missed something, %s that was tidied up',
    (_, isTidied) => {
      const { storage, told, lapsedMs } = watched()
      expect(keepPush(storage, name, () => 'untold', lapsedMs)).toBeNull()
      if (isTidied) forgetPushes(storage, lapsedMs)
      const back = lapsedMs + 1
      expect(watch(storage, name, told.number, back)).toMatchObject({ pushes: [], hasMissed: true })
      // It is watched again from here, and what it is told from now on is whole.
      const { from } = watch(storage, name, null, back)
      const next = keepPush(storage, name, () => 'next', back) as Push
      expect(watch(storage, name, from, back + 1)).toMatchObject({
        pushes: [next],
        hasMissed: false,
      })
      expect(watch(storage, name, next.number, back + 2).hasMissed).toBe(false)
    },
  )

  it('says so too where another one has begun the watch anew meanwhile', () => {
    const { storage, told, lapsedMs } = watched()
    expect(watch(storage, name, null, lapsedMs + 1).hasMissed).toBe(false)
    const push = keepPush(storage, name, () => 'next', lapsedMs + 2)
    const resumed = watch(storage, name, told.number, lapsedMs + 3)
    expect(resumed).toMatchObject({ pushes: [push], hasMissed: true })
  })

  it('says so where more was decided than is kept, whatever was dropped before', () => {
    const { storage, told } = watched()
    for (let count = 0; count <= limits.streamPushesKeptMax; count++) {
      keepPush(storage, name, () => `${count}`, baseMs + 20)
    }
    const { pushes, hasMissed } = watch(storage, name, told.number, baseMs + 200)
    expect(pushes).toHaveLength(limits.streamPushesKeptMax)
    expect(hasMissed).toBe(true)
  })

  it('is told no more than it may leave unread, and of the last decision however much it says', () => {
    const { storage, told } = watched()
    const half = 'x'.repeat(limits.streamPushBytesKeptMax / 2)
    const back = () => watch(storage, name, told.number, baseMs + 100)
    for (const at of [20, 21, 22]) keepPush(storage, name, () => half, baseMs + at)
    expect(back()).toMatchObject({ pushes: [{ data: half }, { data: half }], hasMissed: true })
    const whole = 'ä'.repeat(limits.streamPushBytesKeptMax)
    keepPush(storage, name, () => whole, baseMs + 23)
    expect(back().pushes).toMatchObject([{ data: whole }])
  })
})
