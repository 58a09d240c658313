import { uniformInt } from 'pure-rand/distribution/uniformInt'
import type { RandomGenerator } from 'pure-rand/types/RandomGenerator'
import type { SessionKnnSettings } from '#shared/session-knn.ts'

/** The values each setting may take, by name. */
export type SearchSpace = Partial<Record<keyof SessionKnnSettings, readonly number[]>>

/**
 * What is worth searching: every shop has its own way to come back to things and its own pace. Sizes that
 * only cost time and bytes are not searched.
 */
export const searchSpace = {
  ruleHopWeight: [0, 0.3, 1],
  ruleStepsMax: [2, 5, 12],
  ruleDistanceExponent: [1, 1.5, 2],
  ruleBackwardWeight: [0, 0.3, 1],
  ruleHalfLifeDays: [7, 30, 120],
  sessionsShare: [0.4, 0.6, 0.8],
  seenBoost: [1, 1.3, 2, 4, 8, 24],
  ruleWeight: [0.3, 0.7, 1.2, 2.5],
  ruleDiscount: [0.2, 0.35, 0.5, 0.8],
  neighbourDecaySteps: [0.5, 1, 2, 5],
  windowDecayItems: [0.8, 1.5, 3, 6],
  sessionHalfLifeDays: [3, 10, 30, 120],
  windowIdfExponent: [0, 0.5, 1],
  candidateIdfExponent: [0, 0.5, 1],
  matchDecayItems: [2, 10],
  neighboursMax: [100, 300],
} as const satisfies SearchSpace

/** What the newest item counts is worth searching only where the answer may hold it. */
export const currentBoosts = [0.1, 0.5, 1, 2, 4, 8, 24] as const

export interface Trial {
  readonly settings: SessionKnnSettings
  /** The gain of each question, in their order; the mean is what is maximised. */
  readonly gains: Float64Array
}

export interface SearchOptions {
  readonly start: SessionKnnSettings
  readonly space: SearchSpace
  readonly random: RandomGenerator
  readonly trialsMax: number
  /** Gains of the first `share` (0 to 1) of the questions under some settings. */
  readonly measure: (settings: SessionKnnSettings, share: number) => Float64Array
  readonly report?: (trials: number, best: Trial) => void
}

// A third of the questions tells what is hopeless, for a third of the time.
const firstShare = 1 / 3

/**
 * Walks from the start, one setting at a time: its values are tried on some questions, those that are not
 * worse on all of them, and the best is taken where it wins by more than the noise of its own gain. So a
 * small shop keeps the defaults, and a shop that is different moves. The same seed walks the same way.
 */
export function search(options: SearchOptions): Trial & { readonly trials: number } {
  let best = trial(options, options.start, 1)
  let trials = 1
  for (const [name, values] of order(options)) {
    for (const value of values) {
      if (best.settings[name] === value || trials >= options.trialsMax) continue
      const settings = { ...best.settings, [name]: value }
      trials++
      if (isWorse(trial(options, settings, firstShare), best)) continue
      const whole = trial(options, settings, 1)
      if (isBetter(whole, best)) best = whole
    }
    options.report?.(trials, best)
  }
  return { ...best, trials }
}

function trial(options: SearchOptions, settings: SessionKnnSettings, share: number): Trial {
  return { settings, gains: options.measure(settings, share) }
}

const isBetter = (one: Trial, than: Trial) => winsByErrors(one, than) > 1
const isWorse = (one: Trial, than: Trial) => winsByErrors(one, than) < -0.5

/** By how many of its standard errors the mean gain of one lies above the other's, question by question. */
function winsByErrors({ gains }: Trial, { gains: others }: Trial): number {
  const differences = gains.map((gain, at) => gain - (others[at] as number))
  const mean = meanOf(differences)
  if (mean === 0) return 0
  const variance = meanOf(differences.map((difference) => (difference - mean) ** 2))
  return mean / Math.sqrt(Math.max(variance, Number.MIN_VALUE) / differences.length)
}

function meanOf(values: Float64Array): number {
  return values.reduce((sum, value) => sum + value, 0) / Math.max(values.length, 1)
}

/**
 * Within their kind the order is drawn, so that no setting always moves first. What needs the rules counted
 * anew is dear and comes once, between two walks over all else.
 */
function order({ space, random }: SearchOptions) {
  const entries = Object.entries(space) as [keyof SessionKnnSettings, readonly number[]][]
  const isCounted = ([name]: (typeof entries)[number]) => countedSettings.has(name)
  const scored = entries.filter((entry) => !isCounted(entry))
  const counted = entries.filter(isCounted)
  return [scored, counted, scored].flatMap((kind) => shuffled(kind, random))
}

const countedSettings = new Set<keyof SessionKnnSettings>([
  'ruleHopWeight',
  'ruleStepsMax',
  'ruleDistanceExponent',
  'ruleBackwardWeight',
  'ruleHalfLifeDays',
  'sessionsShare',
])

function shuffled<Each>(list: readonly Each[], random: RandomGenerator): Each[] {
  const left = [...list]
  return Array.from(list, () => left.splice(uniformInt(random, 0, left.length - 1), 1)[0] as Each)
}
