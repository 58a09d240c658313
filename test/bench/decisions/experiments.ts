import { type Sequence, standardErrorsWide } from '#hub/experiments/confidence-sequence.ts'
import { adjusted } from '#hub/experiments/cuped.ts'
import { RunningMoments } from '#hub/experiments/moments.ts'
import { sampleRatioP } from '#hub/experiments/sample-ratio.ts'
import { upliftOf } from '#hub/experiments/uplift.ts'
import { seededRandom } from '#hub/synthetic/random.ts'
import { variantsOf } from '#shared/policy/variant.ts'
import { crossingProbability, type Look } from './crossing.ts'

// Synthetic worlds whose uplift is known. Each is looked at daily, and stopped at the first interval without 0.

export interface Worlds {
  readonly worlds: number
  readonly days: number
  readonly visitorsPerDay: number
  /** The share by which the treatment raises the rate of conversion in the A/B worlds. */
  readonly uplift: number
}

export const worldsOfBench: Worlds = { worlds: 200, days: 28, visitorsPerDay: 1_300, uplift: 0.05 }

const alpha = 0.05
/** Half of the visitors seldom convert, half often: what they did before tells which. */
const rates = { seldom: 0.1, often: 0.7 } as const
const experiment = { variants: { without: 50, with: 50 } } as const

const outcomes = ['conversion', 'revenue'] as const
type Outcome = (typeof outcomes)[number]
type Arms = Readonly<Record<'without' | 'with', Readonly<Record<Outcome, RunningMoments>>>>

/** Whether an uplift was found at any look, by conversion, the same with CUPED, and by revenue. */
interface Found {
  byConversion: boolean
  byCuped: boolean
  byRevenue: boolean
}

/**
 * False positives in A/A worlds and power in A/B worlds, with what both have to be by numerical integration.
 * Visitors are assigned by the function that assigns them at the POPs.
 */
export function experimentFigures(settings: Worlds = worldsOfBench): Record<string, number> {
  const sequence = { alpha, visitorsPlanned: settings.days * settings.visitorsPerDay }
  const expected = expectedFigures(settings, sequence)
  const made = Array.from({ length: settings.worlds }, (_, world) =>
    runWorld(world, settings, sequence),
  )
  const share = (of: (world: World) => boolean) => made.filter(of).length / made.length
  return {
    ...{ aaWorlds: settings.worlds, abWorlds: settings.worlds },
    visitorsPerWorld: sequence.visitorsPlanned,
    aaFalsePositives: share(({ aa }) => aa.byConversion),
    aaFalsePositivesExpected: expected.aa,
    aaFalsePositivesAllowed: allowedShare(settings.worlds),
    aaCupedFalsePositives: share(({ aa }) => aa.byCuped),
    aaRevenueFalsePositives: share(({ aa }) => aa.byRevenue),
    abPower: share(({ ab }) => ab.byConversion),
    abPowerExpected: expected.ab,
    abPowerStandardError: Math.sqrt((expected.ab * (1 - expected.ab)) / settings.worlds),
    abCupedPower: share(({ ab }) => ab.byCuped),
    abCupedPowerExpected: expected.abCuped,
    sampleRatioFalseAlarms: share(({ hasAlarm }) => hasAlarm),
  }
}

/** The highest share of `trials` that a true probability of alpha gives in 99 of 100 runs. */
function allowedShare(trials: number): number {
  let below = 0
  let probability = (1 - alpha) ** trials
  let count = 0
  while (below + probability < 0.99) {
    below += probability
    probability *= ((trials - count) / (count + 1)) * (alpha / (1 - alpha))
    count++
  }
  return count / trials
}

function expectedFigures({ days, visitorsPerDay, uplift }: Worlds, sequence: Sequence) {
  const rate = (rates.seldom + rates.often) / 2
  const difference = rate * uplift
  const looksAt = (ofControl: number, ofTreatment: number): Look[] =>
    Array.from({ length: days }, (_, day) => {
      const visitors = visitorsPerDay * (day + 1)
      return {
        standardErrorsWide: standardErrorsWide(visitors, sequence),
        information: visitors / (2 * (ofControl + ofTreatment)),
      }
    })
  const variance = (mean: number) => mean * (1 - mean)
  const ofRates = ((rates.often - rates.seldom) / 2) ** 2
  // What is left when the outcome before, as noisy as the one after, has been taken out.
  const left = 1 - (ofRates / variance(rate)) ** 2
  const plain = [variance(rate), variance(rate + difference)] as const
  return {
    aa: crossingProbability(looksAt(plain[0], plain[0]), 0),
    ab: crossingProbability(looksAt(...plain), difference),
    abCuped: crossingProbability(looksAt(left * plain[0], left * plain[1]), difference),
  }
}

interface World {
  readonly aa: Found
  readonly ab: Found
  readonly hasAlarm: boolean
}

/** An A/A and an A/B world of the same visitors: in the second the treatment works. */
function runWorld(world: number, { days, visitorsPerDay, uplift }: Worlds, sequence: Sequence) {
  const random = seededRandom(world + 1)
  const [aaArms, abArms] = [emptyArms(), emptyArms()]
  const [aa, ab] = [nothingFound(), nothingFound()]
  const counts = { without: 0, with: 0 }
  let hasAlarm = false
  for (let day = 0; day < days; day++) {
    for (let number = 0; number < visitorsPerDay; number++) {
      const visitor = `a:${world}-${day}-${number}`
      const variant = variantsOf({ experiments: { experiment } }, visitor).experiment
      const arm = variant === 'with' ? 'with' : 'without'
      counts[arm]++
      const rate = random.chance(0.5) ? rates.often : rates.seldom
      const before = random.chance(rate) ? 1 : 0
      const drawn = random.unit()
      const basket = random.logNormal(40, 0.8)
      take(aaArms[arm], drawn < rate, basket, before)
      take(abArms[arm], drawn < rate * (arm === 'with' ? 1 + uplift : 1), basket, before)
    }
    lookAt(aaArms, aa, sequence)
    lookAt(abArms, ab, sequence)
    hasAlarm ||= sampleRatioP([counts.without, counts.with], [50, 50]) < 0.01
  }
  return { aa, ab, hasAlarm } satisfies World
}

function take(arm: Arms['with'], converted: boolean, basket: number, before: number): void {
  arm.conversion.add(converted ? 1 : 0, before)
  arm.revenue.add(converted ? basket : 0, before)
}

function lookAt(arms: Arms, found: Found, sequence: Sequence): void {
  const isProven = (outcome: Outcome, isAdjusted: boolean) => {
    const plain = [arms.with[outcome].moments(), arms.without[outcome].moments()]
    const [treatment, control] = isAdjusted ? adjusted(plain) : plain
    if (treatment === undefined || control === undefined) return false
    return upliftOf(treatment, control, sequence)?.proven ?? false
  }
  found.byConversion ||= isProven('conversion', false)
  found.byCuped ||= isProven('conversion', true)
  found.byRevenue ||= isProven('revenue', false)
}

function emptyArms(): Arms {
  const arm = () => ({ conversion: new RunningMoments(), revenue: new RunningMoments() })
  return { without: arm(), with: arm() }
}

function nothingFound(): Found {
  return { byConversion: false, byCuped: false, byRevenue: false }
}
