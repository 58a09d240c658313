import * as v from 'valibot'

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

export function isShownRule<Rule extends { readonly effect: string }>(
  rule: Rule,
): rule is Rule & ShownRule {
  return rule.effect === 'frequency-cap' || rule.effect === 'cool-down'
}

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
 * What is remembered once these items are shown, and which of them must not be since there is no room to remember
 * it. Forgotten are the oldest times of an item past `shownMax` of every rule, and items that no rule asks for any more.
 */
export function withShown(
  shown: Shown,
  items: readonly string[],
  at: number,
  { rules, charactersMax }: ShownBound,
): { readonly shown: Shown; readonly leftOut: ReadonlySet<string> } {
  const timesMax = Math.max(...rules.map(({ shownMax }) => shownMax))
  const askedMs = Math.max(...rules.map(askedMsOf))
  const asked = shown.filter(([, ...times]) => Number(times.at(-1) ?? 0) > at - askedMs)
  const kept = new Map(asked.map((each) => [each[0], each]))
  const leftOut = new Set<string>()
  let characters = JSON.stringify({ shown: asked }).length
  for (const item of items) {
    const [, ...before] = kept.get(item) ?? [item]
    const times = [...before, at].sort((left, right) => left - right).slice(-timesMax)
    const added = charactersOf([item, ...times]) - charactersOf(kept.get(item))
    if (added > 0 && characters + added > charactersMax) leftOut.add(item)
    else {
      characters += added
      kept.delete(item)
      kept.set(item, [item, ...times])
    }
  }
  return { shown: [...kept.values()], leftOut }
}

export interface ShownBound {
  readonly rules: readonly ShownRule[]
  /** As JSON. */
  readonly charactersMax: number
}

/** With its comma. */
function charactersOf(shown: ShownItem | undefined): number {
  return shown === undefined ? 0 : JSON.stringify(shown).length + 1
}

function askedMsOf(rule: ShownRule): number {
  return rule.effect === 'frequency-cap' ? rule.windowMs : rule.pauseMs
}
