import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { limits } from '#shared/limits.ts'
import { asOnePerson, type Seen } from '#shared/person.ts'
import { reduceSession, type Session } from '#shared/session.ts'
import { countEvent, type RunningTotals, totalsAt } from '#shared/totals.ts'
import { baseMs, minuteMs, shelfEvent } from '#test/support/events.ts'

const idleMsMax = limits.sessionIdleMsDefault
type Given = readonly [minute: number, item: string, name?: string]

/** What a key is known to have done after these events, at noon and an hour. */
function seen(events: readonly Given[]): Seen {
  let [session, totals]: [Session | null, RunningTotals | null] = [null, null]
  for (const [minute, item, event = 'Product Viewed'] of events) {
    const timestamp = baseMs + minute * minuteMs
    const given = shelfEvent({ timestamp, items: [item], event, properties: { total: 3 } })
    const step = reduceSession(session, given, idleMsMax)
    totals = countEvent(totals, given, session, step.session)
    session = step.session
  }
  return { session, totals: totalsAt(totals, baseMs + 60 * minuteMs) }
}

describe('keys of one person', () => {
  it('are one session where no gap is longer than a session may have', () => {
    const web = seen([
      [0, 'a'],
      [5, 'b'],
    ])
    const app = seen([
      [20, 'c'],
      [25, 'd', 'Order Completed'],
    ])
    const { session, totals } = asOnePerson([seen([]), app, web], idleMsMax)
    expect(session).toMatchObject({ events: 4, views: 3, purchases: 1, spend: 3 })
    expect(session).toMatchObject({ startedAt: baseMs, lastAt: baseMs + 25 * minuteMs })
    expect(session?.items).toEqual(['a', 'b', 'c'])
    expect(totals).toMatchObject({ views1h: 3, purchases1h: 1, spend1h: 3 })
  })

  it('are the last one where there was a longer gap', () => {
    const { session } = asOnePerson([seen([[0, 'a']]), seen([[31, 'b']])], idleMsMax)
    expect(session?.items).toEqual(['b'])
  })

  it('have nothing counted twice, whichever key did it, and in whichever order they are told', () => {
    const events = fc.array(
      fc.tuple(fc.integer({ min: 0, max: 59 }), fc.constantFrom('a', 'b', 'c'), fc.nat(2)),
      { maxLength: 30 },
    )
    fc.assert(
      fc.property(events, (done) => {
        const ordered = done.toSorted(([one], [other]) => one - other)
        const keys = [0, 1, 2].map((key) =>
          seen(ordered.flatMap(([minute, item, by]) => (by === key ? [[minute, item]] : []))),
        ) as [Seen, Seen, Seen]
        const alone = seen(ordered.map(([minute, item]) => [minute, item]))
        const joined = asOnePerson(keys, idleMsMax)
        const { views1h, events1d, spend30d } = joined.totals
        expect({ views1h, events1d, spend30d }).toEqual({
          views1h: alone.totals.views1h,
          events1d: alone.totals.events1d,
          spend30d: alone.totals.spend30d,
        })
        const reversed = asOnePerson([keys[2], keys[1], keys[0]], idleMsMax)
        expect(reversed.totals).toEqual(joined.totals)
        expect(reversed.session?.events).toBe(joined.session?.events)
      }),
    )
  })

  it('remember no more items than one session does', () => {
    const many = (from: number) =>
      seen(Array.from({ length: limits.sessionItemsMax }, (_, at) => [at / 10, `${from}-${at}`]))
    const { session } = asOnePerson([many(1), many(2)], idleMsMax)
    expect(session?.items).toHaveLength(limits.sessionItemsMax)
  })
})
