import { mean, sampleStandardDeviation } from 'simple-statistics'

/** A decision that chance made with a known probability, and what another policy would have done there. */
export interface LoggedChoice {
  /** How likely the choice was when it was made; above 0. */
  readonly propensity: number
  /** How likely the policy in question is to make the same choice. */
  readonly targetProbability: number
  readonly reward: number
  /** What a model of rewards expects of the choice that was made, and of the policy in question. */
  readonly expectedOfChoice?: number
  readonly expectedOfTarget?: number
}

export interface PolicyValue {
  /** Reward of a decision, had the policy in question made them all. */
  readonly value: number
  readonly standardError: number
  /** Of how many decisions made by that policy itself this is worth (Kish 1965). */
  readonly effectiveDecisions: number
}

/** A rare choice would else speak for a hundred others; what is cut off makes the estimate a little low. */
const weightMax = 100

/** Inverse propensity scoring (Horvitz and Thompson 1952): needs no model, and varies with the weights. */
export function inversePropensityValue(choices: readonly LoggedChoice[]): PolicyValue {
  return estimated(choices, (choice) => weightOf(choice) * choice.reward)
}

/**
 * Doubly robust (Dudík, Langford and Li, "Doubly robust policy evaluation and learning", ICML 2011): right where
 * either the propensities or the model of rewards are, and steadier where the model says something.
 */
export function doublyRobustValue(choices: readonly LoggedChoice[]): PolicyValue {
  return estimated(choices, (choice) => {
    const { expectedOfChoice = 0, expectedOfTarget = 0 } = choice
    return expectedOfTarget + weightOf(choice) * (choice.reward - expectedOfChoice)
  })
}

function weightOf({ propensity, targetProbability }: LoggedChoice): number {
  return Math.min(weightMax, targetProbability / propensity)
}

function estimated(
  choices: readonly LoggedChoice[],
  worth: (choice: LoggedChoice) => number,
): PolicyValue {
  if (choices.length < 2) throw new RangeError('an estimate needs two decisions or more')
  if (choices.some(({ propensity }) => !(propensity > 0 && propensity <= 1))) {
    throw new RangeError('a propensity is above 0 and at most 1')
  }
  const worths = choices.map(worth)
  const weights = choices.map(weightOf)
  const total = weights.reduce((sum, weight) => sum + weight, 0)
  const squares = weights.reduce((sum, weight) => sum + weight ** 2, 0)
  return {
    value: mean(worths),
    standardError: sampleStandardDeviation(worths) / Math.sqrt(choices.length),
    effectiveDecisions: squares > 0 ? total ** 2 / squares : 0,
  }
}
