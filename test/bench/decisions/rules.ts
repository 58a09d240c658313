import { quantile } from 'simple-statistics'
import { type CompiledPlacement, compilePolicy } from '#shared/policy/compile.ts'
import { RuleItem } from '#shared/policy/facts.ts'
import { scopeOf } from '#shared/policy/scope.ts'
import type { Policy, Rule } from '#shared/policy.ts'
import { countEvent, type RunningTotals, totalsAt } from '#shared/totals.ts'
import { shelfEvent } from '#test/support/events.ts'

// What 100 rules over 10,000 items add to a decision: the same decisions with none and with all of them.

const itemsTotal = 10_000
const rulesTotal = 100
const candidatesTotal = 100
const decisionsTotal = 3_000
const noonMs = Date.UTC(2026, 0, 5, 12)

const catalogue = Array.from({ length: itemsTotal }, (_, number) => ({
  ...{ id: `item-${number}`, name: `Item ${number}`, category: `category-${number % 40}` },
  ...{ price: (number * 37) % 500, available: number % 20 !== 0 },
}))
const items = new Map(catalogue.map((facts, number) => [facts.id, new RuleItem(facts, number)]))
const item = (id: string) => items.get(id)

/** Of ten rules six ask the item alone, two the visitor alone, two both. */
function ruleOf(number: number): Rule {
  const name = `rule-${number}`
  const category = `category-${number % 40}`
  const mixed = `item.price < session.spend + ${number}.0 || item.id != session.current`
  const rules: Rule[] = [
    { name, effect: 'filter', keep: `item.price != ${number}.5 && item.available` },
    { name, effect: 'filter', keep: `!(item.category == "${category}" && item.price > 400.0)` },
    { name, effect: 'boost', where: `item.category == "${category}"`, factor: 1.1 },
    { name, effect: 'boost', where: `item.price < ${number}.0`, factor: 1.05 },
    { name, effect: 'filter', keep: `item.name != "Item ${number}"` },
    { name, effect: 'slot', where: `item.category == "${category}"`, position: (number % 20) + 1 },
    { name, effect: 'filter', keep: mixed, when: `time.hour >= 9 && session.views > 2` },
    { name, effect: 'filter', keep: `item.price < context.budget + ${number}.0` },
    {
      name,
      effect: 'pin',
      item: `item-${number}`,
      position: 1,
      when: `context.store == "${number}"`,
    },
    { name, effect: 'pin', item: `item-${number}`, position: 2, when: 'variant.bags == "none"' },
  ]
  return rules[number % rules.length] as Rule
}

/** A visitor with something in every bucket of the last hour, day and month. */
const running = [...Array(30 * 24 + 60).keys()].reduce<RunningTotals | null>((totals, number) => {
  const agoMs = number < 60 ? number * 60_000 : (number - 60) * 3_600_000
  const event = shelfEvent({ timestamp: noonMs - agoMs, receivedAt: noonMs })
  return countEvent(totals, event, null, null)
}, null)

function decisionsMs(rules: Rule[]): number[] {
  const policy: Policy = {
    context: { budget: 'double', store: 'string' },
    ...{ timeZone: 'UTC', experiments: { bags: { variants: { plain: 1, first: 1 } } } },
    placements: { home: { kind: 'items', model: 'session-knn', itemsMax: 100, rules } },
  }
  const compiled = compilePolicy(policy, catalogue)
  const placement = compiled.placements.get('home') as CompiledPlacement
  const popular = catalogue.slice(0, 100).map(({ id }, at) => ({ id, score: 1 / (at + 1) }))
  return Array.from({ length: decisionsTotal }, (_, number) => {
    const candidates = Array.from({ length: candidatesTotal }, (_, at) => ({
      ...{ id: `item-${(number * 7_919 + at * 101) % itemsTotal}`, score: 1 / (at + 1) },
    }))
    const visit = { events: 9, views: 5, carts: 0, purchases: 0, spend: 100, bot: false }
    const session = { ...visit, items: ['item-1', 'item-2'], startedAt: 0, lastAt: 60_000 }
    const context = { budget: 450, store: String(number % 500), timezone: 'Europe/Berlin' }
    const at = noonMs + number
    const before = performance.now()
    const totals = totalsAt(running, at)
    const asking = { visitor: `a:${number}`, session, totals, context, at, item }
    const { scope } = scopeOf(compiled, asking)
    placement.decide({
      ...{ candidates, popular, scope, at, item, itemsMax: 20, events: [], memory: null },
    })
    return performance.now() - before
  })
}

/** What 100 rules over 10,000 items add to deciding, without HTTP; the second run is the measured one. */
export function ruleFigures(): Record<string, number> {
  const rules = Array.from({ length: rulesTotal }, (_, number) => ruleOf(number))
  decisionsMs([])
  const without = decisionsMs([])
  const withRules = decisionsMs(rules)
  return {
    rules0P50Ms: quantile(without, 0.5),
    rules100P50Ms: quantile(withRules, 0.5),
    rules100P99Ms: quantile(withRules, 0.99),
    rules100AddedMs: quantile(withRules, 0.5) - quantile(without, 0.5),
    rules100FirstMs: withRules[0] as number,
  }
}
