import * as v from 'valibot'
import { limits } from './limits.ts'

/** An item, then when it was shown (epoch ms), oldest first. */
export type ShownItem = readonly [item: string, ...at: number[]]

/** What a placement has shown a visitor, as long as a rule asks for it; the item shown last is last. */
export type Shown = readonly ShownItem[]

/** How often an item may be shown within a time that ends now. */
export interface FrequencyCap {
  readonly effect: 'frequency-cap'
  readonly shownMax: number
  readonly windowMs: number
}

/** An item that was shown so often, with no pause of `pauseMs` in between, rests for `pauseMs`. */
export interface CoolDown {
  readonly effect: 'cool-down'
  readonly shownMax: number
  readonly pauseMs: number
}
export type ShownRule = FrequencyCap | CoolDown

const memorySchema = v.object({
  shown: v.array(v.tupleWithRest([v.string()], v.number())),
})

/** Reads what a placement remembered; nothing where it is of another kind of placement. */
export function readShown(memory: unknown): Shown {
  const parsed = v.safeParse(memorySchema, memory)
  return parsed.success ? parsed.output.shown : []
}

/** Whether an item that was shown at these times has to be left out at a moment (epoch ms). */
export function isLeftOut(rule: ShownRule, shownAt: readonly number[], at: number): boolean {
  if (rule.effect === 'frequency-cap') {
    return shownAt.filter((each) => each > at - rule.windowMs).length >= rule.shownMax
  }
  const times = [...shownAt, at]
  const pause = times.findLastIndex((each, index) => {
    const before = times[index - 1]
    return before !== undefined && each - before >= rule.pauseMs
  })
  // With no pause at all the run begins with the first; the moment itself is not a showing.
  return times.length - Math.max(0, pause) - 1 >= rule.shownMax
}

/**
 * What is remembered once these items are shown. Forgotten are the oldest times of an item past `shownMax` of
 * every rule, items that no rule asks for any more, and past the bound those shown longest ago.
 */
export function withShown(
  shown: Shown,
  items: readonly string[],
  at: number,
  rules: readonly ShownRule[],
): Shown {
  const timesMax = Math.max(...rules.map(({ shownMax }) => shownMax))
  const askedMs = Math.max(...rules.map(askedMsOf))
  const times = new Map(shown.map(([item, ...shownAt]) => [item, shownAt]))
  for (const item of items) {
    const shownAt = [...(times.get(item) ?? []), at].sort((left, right) => left - right)
    times.delete(item)
    times.set(item, shownAt.slice(-timesMax))
  }
  const asked = [...times].filter(([, shownAt]) => (shownAt.at(-1) ?? 0) > at - askedMs)
  return newest(asked.map(([item, shownAt]) => [item, ...shownAt]))
}

function askedMsOf(rule: ShownRule): number {
  return rule.effect === 'frequency-cap' ? rule.windowMs : rule.pauseMs
}

/** As many of the last as have room. */
function newest(shown: readonly ShownItem[]): Shown {
  let characters = 0
  const from = shown.findLastIndex((each) => {
    characters += JSON.stringify(each).length + 1
    return characters > limits.shownCharactersMax
  })
  return shown.slice(from + 1)
}
