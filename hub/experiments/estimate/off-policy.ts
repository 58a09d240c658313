import { mean, sum } from 'simple-statistics'
import type { Estimate } from '../uplift.ts'

/** A decision that chance made with a known probability, and what another policy would have done there. */
export interface LoggedChoice {
  /** Those of one visitor are alike, and count as one when it is told how sure an estimate is. */
  readonly visitor: string
  /** How likely the choice was when it was made; above 0. */
  readonly propensity: number
  /** How likely the policy in question is to make the same choice. */
  readonly targetProbability: number
  readonly reward: number
  /** What a model of rewards expects of the choice that was made, and of the policy in question. */
  readonly expectedOfChoice?: number
  readonly expectedOfTarget?: number
}

/** What a decision brings, with an interval for one look, and the difference to what the log brought. */
export interface PolicyValue extends Estimate {
  readonly difference: Estimate
}

/** How much of the log speaks for the policy in question. */
export interface Overlap {
  readonly decisions: number
  /** Of how many decisions made by that policy itself this is worth (Kish 1965). */
  readonly effectiveDecisions: number
  /** 1 where chance could have made every choice of that policy; below, that share of them. */
  readonly weightMean: number
  readonly weightMeanError: number
}

const standardErrorsWide = 1.96
/** What the intervals lean on, the central limit theorem, says nothing of fewer. */
const effectiveDecisionsMin = 100
/** More of the choices than this have to have been possible. */
const weightMeanMin = 0.9

/** Why no estimate is to be believed, as a sentence; null where one may be. */
export function refusalOf({ decisions, effectiveDecisions, ...weights }: Overlap): string | null {
  const { weightMean, weightMeanError } = weights
  if (effectiveDecisions < effectiveDecisionsMin) {
    return `${decisions} decisions speak for it like ${Math.floor(effectiveDecisions)} of its own, and ${effectiveDecisionsMin} are needed: let more of them be left to chance, or wait`
  }
  if (weightMean + 2 * weightMeanError >= weightMeanMin) return null
  const percent = Math.round(weightMean * 100)
  return `chance could have made only about ${percent} % of its choices: let the placement explore among more items, or nobody knows what the others bring`
}

export function overlapOf(choices: readonly LoggedChoice[]): Overlap {
  const weights = choices.map(weightOf)
  const squares = sum(weights.map((weight) => weight ** 2))
  const weightMean = choices.length === 0 ? 0 : mean(weights)
  const influences = weights.map((weight) => weight - weightMean)
  return {
    decisions: choices.length,
    effectiveDecisions: squares > 0 ? sum(weights) ** 2 / squares : 0,
    weightMean,
    weightMeanError: choices.length < 2 ? 0 : errorOf(influences, choices),
  }
}

/** What the log itself brought. */
export function loggedValue(choices: readonly LoggedChoice[]): Estimate {
  const value = mean(choices.map(({ reward }) => reward))
  return around(
    value,
    errorOf(
      influenceOf(choices, ({ reward }) => reward),
      choices,
    ),
  )
}

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

/**
 * Self-normalised (Swaminathan and Joachims, "The self-normalized estimator for counterfactual learning", NIPS 2015): a
 * quotient, so a little biased where there is little, and much steadier than plain weights. Its error is that of its
 * linear part (the delta method).
 */
export function selfNormalisedValue(choices: readonly LoggedChoice[]): PolicyValue {
  check(choices)
  const weights = choices.map(weightOf)
  const weightMean = mean(weights)
  const value =
    weightMean > 0
      ? mean(choices.map(({ reward }, at) => (weights[at] as number) * reward)) / weightMean
      : 0
  const influences = choices.map(({ reward }, at) =>
    weightMean > 0 ? ((weights[at] as number) * (reward - value)) / weightMean : 0,
  )
  return valued(value, influences, choices)
}

function weightOf({ propensity, targetProbability }: LoggedChoice): number {
  return targetProbability / propensity
}

function estimated(
  choices: readonly LoggedChoice[],
  worth: (choice: LoggedChoice) => number,
): PolicyValue {
  check(choices)
  return valued(mean(choices.map(worth)), influenceOf(choices, worth), choices)
}

function check(choices: readonly LoggedChoice[]): void {
  if (new Set(choices.map(({ visitor }) => visitor)).size < 2) {
    throw new RangeError('an estimate needs decisions of two visitors or more')
  }
  if (choices.some(({ propensity }) => !(propensity > 0 && propensity <= 1))) {
    throw new RangeError('a propensity is above 0 and at most 1')
  }
}

function influenceOf(
  choices: readonly LoggedChoice[],
  worth: (choice: LoggedChoice) => number,
): number[] {
  const value = mean(choices.map(worth))
  return choices.map((choice) => worth(choice) - value)
}

function valued(
  value: number,
  influences: readonly number[],
  choices: readonly LoggedChoice[],
): PolicyValue {
  const ofLog = influenceOf(choices, ({ reward }) => reward)
  const apart = influences.map((influence, at) => influence - (ofLog[at] as number))
  return {
    ...around(value, errorOf(influences, choices)),
    difference: around(value - loggedValue(choices).value, errorOf(apart, choices)),
  }
}

/** The standard error of a mean whose terms are alike within a visitor (Liang and Zeger 1986). */
function errorOf(influences: readonly number[], choices: readonly LoggedChoice[]): number {
  const byVisitor = new Map<string, number>()
  for (const [at, { visitor }] of choices.entries()) {
    byVisitor.set(visitor, (byVisitor.get(visitor) ?? 0) + (influences[at] as number))
  }
  const visitors = byVisitor.size
  if (visitors < 2) return Number.POSITIVE_INFINITY
  const squares = sum([...byVisitor.values()].map((each) => each ** 2))
  return Math.sqrt((squares * visitors) / (visitors - 1)) / choices.length
}

function around(value: number, standardError: number): Estimate {
  const width = standardErrorsWide * standardError
  return { value, low: value - width, high: value + width }
}
