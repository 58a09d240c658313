import { fractionOf } from '#shared/fraction.ts'
import type { LoggedChoice } from './off-policy.ts'

/** A choice with the items that were chosen and would have been. */
export interface ItemChoice {
  readonly visitor: string
  readonly propensity: number
  readonly reward: number
  readonly shown: string
  /** Null where the policy in question would show nothing. */
  readonly target: string | null
}

/** An item of which little is known is expected to bring what the average brings: so many decisions weigh as much. */
const priorDecisions = 20

interface Sums {
  rewards: number
  decisions: number
}

/**
 * Adds what the items are expected to bring, learned from the other half of the visitors: a choice that had taught its own
 * expectation would make the estimate surer than it is (cross-fitting, Chernozhukov et al. 2018).
 */
export function withExpectedRewards(choices: readonly ItemChoice[]): LoggedChoice[] {
  const halves = [new Map<string, Sums>(), new Map<string, Sums>()] as const
  const totals = [emptySums(), emptySums()] as const
  const halfOf = (visitor: string) => (fractionOf(`half\n${visitor}`) < 0.5 ? 0 : 1)
  for (const { visitor, shown, reward } of choices) {
    const half = halfOf(visitor)
    const sums = halves[half].get(shown) ?? emptySums()
    halves[half].set(shown, sums)
    for (const each of [sums, totals[half]]) {
      each.rewards += reward
      each.decisions++
    }
  }
  return choices.map(({ visitor, propensity, reward, shown, target }) => {
    const other = halfOf(visitor) === 0 ? 1 : 0
    const average = totals[other].rewards / Math.max(1, totals[other].decisions)
    const expected = (item: string) => {
      const { rewards, decisions } = halves[other].get(item) ?? emptySums()
      return (rewards + priorDecisions * average) / (decisions + priorDecisions)
    }
    return {
      ...{ visitor, propensity, reward, targetProbability: target === shown ? 1 : 0 },
      expectedOfChoice: expected(shown),
      expectedOfTarget: target === null ? 0 : expected(target),
    }
  })
}

function emptySums(): Sums {
  return { rewards: 0, decisions: 0 }
}
