import { mean } from 'simple-statistics'
import { estimatesOf } from '#hub/experiments/estimate/estimate-release.ts'
import { type ItemChoice, withExpectedRewards } from '#hub/experiments/estimate/expect-rewards.ts'
import { overlapOf, refusalOf } from '#hub/experiments/estimate/off-policy.ts'
import { seededRandom } from '#hub/synthetic/random.ts'
import { type CompiledPlacement, compilePolicy } from '#shared/policy/compile.ts'
import { RuleItem } from '#shared/policy/facts.ts'
import { scopeOf } from '#shared/policy/scope.ts'
import { totalsAt } from '#shared/totals.ts'

// Synthetic worlds in which it is known what a policy is worth that never answered: the placement explores by the code of
// the POPs, the hub estimates from what is logged.

export interface Worlds {
  readonly worlds: number
  readonly decisionsPerWorld: number
  /** What the placement leaves to chance. */
  readonly share: number
  readonly among: number
}

export const worldsOfBench: Worlds = {
  ...{ worlds: 200, decisionsPerWorld: 5_000, share: 0.3, among: 5 },
}

const items = ['bags', 'belts', 'hats', 'shoes', 'socks', 'ties'] as const
type Item = (typeof items)[number]
/** How often each is taken, by what a visitor likes; the log puts bags first for everybody. */
const rates: Readonly<Record<string, Readonly<Record<Item, number>>>> = {
  plain: { bags: 0.1, belts: 0.08, hats: 0.05, shoes: 0.12, socks: 0.2, ties: 0.3 },
  festive: { bags: 0.12, belts: 0.1, hats: 0.25, shoes: 0.08, socks: 0.06, ties: 0.3 },
}
const likings = Object.keys(rates)
/** The policy in question knows what each likes. */
const better: Readonly<Record<string, Item>> = { plain: 'socks', festive: 'hats' }
export const truth = mean(likings.map((likes) => rates[likes]?.[better[likes] as Item] as number))

const visitorDecisions = 4

/** The decisions of one world, as the log has them; `target` is what the policy in question would put first. */
export function logWorld(
  world: number,
  { decisionsPerWorld, share, among }: Worlds,
  target: Readonly<Record<string, Item>> = better,
): ItemChoice[] {
  const random = seededRandom(world + 1)
  const explore = { share, among }
  const home = { kind: 'items' as const, model: 'popularity', itemsMax: 6, rules: [], explore }
  const policy = compilePolicy(
    { context: {}, timeZone: 'UTC', experiments: {}, placements: { home } },
    items.map((id) => ({ id })),
  )
  const known = new Map(items.map((id, number) => [id as string, new RuleItem({ id }, number)]))
  const item = (id: string) => known.get(id)
  const { scope } = scopeOf(policy, {
    ...{ visitor: 'a:me', session: null, totals: totalsAt(null, 0), context: {}, at: 0, item },
  })
  const popular = items.map((id, at) => ({ id, score: 1 - at / 10 }))
  const placement = policy.placements.get('home') as CompiledPlacement
  return Array.from({ length: decisionsPerWorld }, (_, number) => {
    // Decisions of one visitor are alike: who takes things takes more of them.
    const visitor = Math.floor(number / visitorDecisions)
    const likes = likings[visitor % likings.length] as string
    const outcome = placement.decide({
      ...{ decisionId: `${world}/${number}`, scope, at: 0, item, popular, candidates: [] },
      ...{ itemsMax: 6, events: [], memory: null },
    })
    const shown = outcome.items[0]?.id as Item
    return {
      ...{ visitor: `a:${world}/${visitor}`, shown, target: target[likes] as Item },
      propensity: outcome.answer.propensity as number,
      reward: random.chance(rates[likes]?.[shown] as number) ? 1 : 0,
    }
  })
}

/** How near estimates are to the truth, and how often their intervals of 95 % hold it. */
export function offPolicyFigures(settings: Worlds = worldsOfBench): Record<string, number> {
  const made = Array.from({ length: settings.worlds }, (_, world) => {
    const choices = withExpectedRewards(logWorld(world, settings))
    return { estimates: estimatesOf(choices), overlap: overlapOf(choices) }
  })
  const names = ['inversePropensity', 'selfNormalised', 'doublyRobust'] as const
  const ofEach = names.flatMap((name) => {
    const found = made.map(({ estimates }) => estimates[name])
    const holds = found.filter(({ low, high }) => low <= truth && truth <= high)
    return [
      [`${name}Mean`, mean(found.map(({ value }) => value))],
      [`${name}Coverage`, holds.length / found.length],
      [`${name}Width`, mean(found.map(({ low, high }) => high - low))],
    ] as const
  })
  // Ties are the sixth, and chance chooses among five: nobody has seen what they bring.
  const unseen = { plain: 'ties', festive: 'ties' } as const
  const refused = made.filter((_, world) => {
    const choices = withExpectedRewards(logWorld(world, settings, unseen))
    return refusalOf(overlapOf(choices)) !== null
  })
  return {
    ...{ offPolicyWorlds: settings.worlds, offPolicyDecisionsPerWorld: settings.decisionsPerWorld },
    ...{ offPolicyTruth: truth, ...Object.fromEntries(ofEach) },
    effectiveDecisions: mean(made.map(({ overlap }) => overlap.effectiveDecisions)),
    unseenRefusedShare: refused.length / made.length,
  }
}
