import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { limits } from '#shared/limits.ts'
import { isLeftOut, readShown, type Shown, type ShownRule, withShown } from '#shared/shown.ts'
import { baseMs, minuteMs } from '#test/support/events.ts'

const charactersMax = limits.placementMemoryCharactersMax
const cap = { effect: 'frequency-cap', shownMax: 2, windowMs: 10 * minuteMs } as const
const rest: ShownRule = { effect: 'cool-down', shownMax: 2, pauseMs: 10 * minuteMs }

/** Minutes at which an item is shown that is shown whenever the rules let it. */
function shownAt(minutes: readonly number[], rules: readonly ShownRule[]): number[] {
  let shown: Shown = []
  return minutes.filter((minute) => {
    const at = baseMs + minute * minuteMs
    const [, ...times] = shown.find(([item]) => item === 'a') ?? ['a']
    if (rules.some((rule) => isLeftOut(rule, times, at))) return false
    shown = withShown(shown, ['a'], at, { rules, charactersMax }).shown
    return true
  })
}

describe('a frequency cap', () => {
  it('leaves an item out until its window has room', () => {
    expect(shownAt([0, 4, 5, 9, 10, 11, 14, 20], [cap])).toEqual([0, 4, 10, 14, 20])
  })

  it('holds in every window there is, whatever else is remembered', () => {
    const rules = fc.record({
      effect: fc.constant('frequency-cap' as const),
      shownMax: fc.integer({ min: 1, max: 4 }),
      windowMs: fc.integer({ min: 1, max: 30 }).map((minutes) => minutes * minuteMs),
    })
    const minutes = fc
      .array(fc.integer({ min: 0, max: 120 }), { maxLength: 60 })
      .map((list) => list.sort((left, right) => left - right))
    fc.assert(
      fc.property(minutes, rules, rules, (asked, rule, other) => {
        const shown = shownAt(asked, [rule, other])
        for (const minute of shown) {
          const within = shown.filter(
            (each) => each <= minute && each > minute - rule.windowMs / minuteMs,
          )
          expect(within.length).toBeLessThanOrEqual(rule.shownMax)
        }
      }),
    )
  })
})

describe('a cool-down', () => {
  it('lets an item rest after it was shown so often, and then begins anew', () => {
    expect(shownAt([0, 4, 5, 13, 14, 15, 16, 24, 25], [rest])).toEqual([0, 4, 14, 15, 25])
  })

  it('does not count what was shown before a pause of its own', () => {
    expect(shownAt([0, 10, 20, 21, 22], [rest])).toEqual([0, 10, 20, 21])
  })
})

describe('what is remembered', () => {
  it('is what the rules ask for: the last times of an item, and no item they are through with', () => {
    const { shown } = withShown(
      [
        ['a', baseMs - 2, baseMs - 1],
        ['b', 5],
      ],
      ['a', 'c'],
      baseMs,
      { rules: [cap], charactersMax },
    )
    expect(shown).toEqual([
      ['a', baseMs - 1, baseMs],
      ['c', baseMs],
    ])
  })

  it('is bounded: what could not be remembered must not be shown, and nothing that a rule asks for is forgotten', () => {
    const many = Array.from({ length: 5_000 }, (_, number) => `item-${number}`)
    const bound = { rules: [cap], charactersMax }
    const first = withShown([['first', baseMs - 1]], many, baseMs, bound)
    expect(JSON.stringify({ shown: first.shown }).length).toBeLessThanOrEqual(charactersMax)
    expect(first.shown.length).toBeGreaterThan(1_000)
    expect(first.shown[0]).toEqual(['first', baseMs - 1])
    expect(first.leftOut.size).toBe(5_001 - first.shown.length)
    const later = withShown(first.shown, ['item-4999'], baseMs + cap.windowMs, bound)
    expect(later).toEqual({ shown: [['item-4999', baseMs + cap.windowMs]], leftOut: new Set() })
  })

  it('is nothing where it is not what this kind of placement left', () => {
    for (const memory of [null, {}, { shown: 'a' }, { shown: [[1, 2]] }, { price: 5 }]) {
      expect(readShown(memory)).toEqual([])
    }
    expect(readShown({ shown: [['a', 1]] })).toEqual([['a', 1]])
  })
})
