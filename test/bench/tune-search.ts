import { uniformInt } from 'pure-rand/distribution/uniformInt'
import type { RandomGenerator } from 'pure-rand/types/RandomGenerator'
import type { SessionKnnSettings } from '#shared/session-knn.ts'

/** The values each setting may take; sizes that only cost time and bytes are not searched. */
export const searchSpace = {
  sessionItemsMax: [9, 12, 20],
  sampleSessionsMax: [500, 1000],
  neighboursMax: [100, 200, 500],
  windowDecayItems: [1, 1.5, 2, 3, 5],
  matchDecayItems: [1, 2, 5, 10],
  neighbourDecaySteps: [0.5, 0.7, 1, 1.5, 2.5],
  sessionHalfLifeDays: [7, 14, 30, 60],
  windowIdfExponent: [0, 0.5, 1],
  candidateIdfExponent: [0, 0.5, 1],
  ruleWeight: [0, 0.3, 0.5, 0.8, 1.2],
  ruleStepsMax: [5, 10],
  ruleDistanceExponent: [1, 1.5, 2],
  ruleHalfLifeDays: [14, 30, 60],
  ruleBackwardWeight: [0.5, 1],
  ruleDiscount: [0.2, 0.35, 0.5],
  seenBoost: [1, 4, 8, 12, 16, 24],
} as const satisfies Partial<Record<keyof SessionKnnSettings, readonly number[]>>

export interface Trial {
  settings: SessionKnnSettings
  /** What is maximised; higher is better. */
  objective: number
}

/** Measures settings on a share of the validation questions, 0 to 1. */
export type Measure = (settings: SessionKnnSettings, share: number) => number

export interface SearchOptions {
  /** Only its settings that are not searched are taken over, so the answer does not depend on it. */
  base: SessionKnnSettings
  trials: number
  random: RandomGenerator
  measure: Measure
  report: (stage: string, trial: Trial) => void
}

/**
 * Half of the trials are drawn at random and halved successively: all on a quarter of the questions,
 * the better third on half of them, the best of those on all. The other half walks from the winner,
 * changing up to three settings at once. The same seed gives the same answer.
 */
export function search(options: SearchOptions): Trial {
  const { trials, random, base } = options
  const drawn = Array.from({ length: Math.ceil(trials / 2) }, () => changed(base, random, 1))
  let survivors = drawn
  for (const share of [0.25, 0.5]) {
    survivors = measureAll(options, survivors, share).slice(0, Math.ceil(survivors.length / 3))
  }
  const best = measureAll(options, survivors, 1)[0] ?? base
  return walk(options, { settings: best, objective: options.measure(best, 1) })
}

function measureAll(options: SearchOptions, settings: SessionKnnSettings[], share: number) {
  return settings
    .map((one) => {
      const trial = { settings: one, objective: options.measure(one, share) }
      options.report(`random, ${share * 100} % of the questions`, trial)
      return trial
    })
    .sort((a, b) => b.objective - a.objective)
    .map((trial) => trial.settings)
}

function walk(options: SearchOptions, from: Trial): Trial {
  let best = from
  for (let step = 0; step < Math.floor(options.trials / 2); step++) {
    const settings = changed(best.settings, options.random, 0.15)
    const trial = { settings, objective: options.measure(settings, 1) }
    options.report('walk', trial)
    if (trial.objective > best.objective) best = trial
  }
  return best
}

/** Draws each searched setting anew with probability `share`. */
function changed(
  settings: SessionKnnSettings,
  random: RandomGenerator,
  share: number,
): SessionKnnSettings {
  const drawn = Object.entries(searchSpace)
    .filter(() => uniformInt(random, 0, 999) < share * 1000)
    .map(([name, values]) => [name, values[uniformInt(random, 0, values.length - 1)]])
  return { ...settings, ...Object.fromEntries(drawn) }
}
