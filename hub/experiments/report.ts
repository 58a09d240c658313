import { RequestRefused } from '#shared/request-refused.ts'
import type { Environment } from '../environment.ts'
import { adjusted } from './cuped.ts'
import { controlOf, type Experiment, liveExperiments } from './definitions.ts'
import type { Moments } from './moments.ts'
import type { ExperimentQuestion } from './question.ts'
import { readSummaries, readVariants, type StoredVariant } from './read-variants.ts'
import { sampleRatioP } from './sample-ratio.ts'
import { type Estimate, type Uplift, upliftOf } from './uplift.ts'

/** An experiment that does not plan its visitors has intervals that are narrowest here. */
const visitorsPlannedDefault = 10_000
/** Below it visitors are not where the parts say, and the estimates are not to be believed. */
const sampleRatioPMin = 0.01

interface Outcome {
  readonly mean: number
  /** What CUPED left of the variance: 1 where nothing was known before. */
  readonly varianceLeft: number
  /** Null for the control, and while there are too few visitors. */
  readonly uplift: Uplift | null
}

export interface VariantReport {
  readonly variant: string
  readonly part: number | null
  readonly entered: number
  readonly crossed: number
  /** Those whose outcomes count. */
  readonly visitors: number
  readonly orders: number
  readonly conversion: Outcome
  readonly revenue: Outcome
  /** What the variant brought in beyond the control, all its visitors together. */
  readonly revenueBrought: Estimate | null
}

export interface ExperimentReport {
  readonly site: string
  readonly experiment: string
  /** Whether the live policy has it. */
  readonly live: boolean
  readonly control: string
  readonly days: number
  readonly alpha: number
  readonly visitorsPlanned: number
  /** Null where the parts are not known any more. */
  readonly sampleRatio: { readonly p: number; readonly kept: boolean } | null
  readonly variants: readonly VariantReport[]
}

/** Every experiment that the live policy or the store knows of a site. */
export async function listExperiments(site: string, environment: Environment) {
  const [defined, stored] = await Promise.all([
    liveExperiments(site, environment),
    readSummaries(site, environment.store),
  ])
  const names = new Set([...Object.keys(defined), ...stored.map(({ experiment }) => experiment)])
  return [...names].map((name) => {
    const of = stored.filter(({ experiment }) => experiment === name)
    const definition = defined[name]
    return {
      ...{ experiment: name, live: definition !== undefined },
      control: definition === undefined ? null : controlOf(definition),
      variants: of.map(({ variant, visitors }) => ({ variant, visitors })),
      firstAt: of.map(({ first_at }) => first_at).toSorted()[0] ?? null,
      lastAt:
        of
          .map(({ last_at }) => last_at)
          .toSorted()
          .at(-1) ?? null,
    }
  })
}

/** What an experiment has shown until now. Throws `unknown_experiment`, `unknown_variant`. */
export async function reportExperiment(
  site: string,
  experiment: string,
  question: ExperimentQuestion,
  environment: Environment,
): Promise<ExperimentReport> {
  const { days, alpha } = question
  const at = environment.now()
  const [defined, stored] = await Promise.all([
    liveExperiments(site, environment),
    readVariants({ site, experiment, days, at }, environment.store),
  ])
  const definition = Object.hasOwn(defined, experiment) ? defined[experiment] : undefined
  const control = question.control ?? (definition && controlOf(definition)) ?? stored[0]?.variant
  if (control === undefined) {
    throw new RequestRefused(404, 'unknown_experiment', `nobody has been in ${experiment}`)
  }
  const visitorsPlanned = definition?.visitorsPlanned ?? visitorsPlannedDefault
  return {
    ...{ site, experiment, live: definition !== undefined, control, days, alpha, visitorsPlanned },
    sampleRatio: definition === undefined ? null : checkRatio(stored, definition),
    variants: compared(stored, control, { alpha, visitorsPlanned }).map((each) => ({
      ...each,
      part: definition?.variants[each.variant] ?? null,
    })),
  }
}

function checkRatio(stored: readonly StoredVariant[], { variants }: Experiment) {
  const names = new Set([...Object.keys(variants), ...stored.map(({ variant }) => variant)])
  const entered = [...names].map(
    (name) => stored.find(({ variant }) => variant === name)?.entered ?? 0,
  )
  const p = sampleRatioP(
    entered,
    [...names].map((name) => variants[name] ?? 0),
  )
  return { p, kept: p >= sampleRatioPMin }
}

/** Each variant beside the control; what may be wrong is shared by the comparisons (Bonferroni). */
function compared(
  stored: readonly StoredVariant[],
  control: string,
  sequence: { readonly alpha: number; readonly visitorsPlanned: number },
): Omit<VariantReport, 'part'>[] {
  const ofControl = stored.findIndex(({ variant }) => variant === control)
  if (stored.length > 0 && ofControl === -1) {
    const known = stored.map(({ variant }) => variant).join(', ')
    throw new RequestRefused(404, 'unknown_variant', `visitors have been in ${known}`)
  }
  const shared = { ...sequence, alpha: sequence.alpha / Math.max(1, stored.length - 1) }
  const outcomeOf = (of: (variant: StoredVariant) => Moments) => {
    const plain = stored.map(of)
    const after = adjusted(plain)
    return stored.map((_, at): Outcome => {
      const [own, before, beside] = [after[at], plain[at], after[ofControl]] as Moments[]
      if (own === undefined || before === undefined || beside === undefined) throw new RangeError()
      return {
        mean: own.mean,
        varianceLeft: before.variance > 0 ? own.variance / before.variance : 1,
        uplift: at === ofControl ? null : upliftOf(own, beside, shared),
      }
    })
  }
  const conversions = outcomeOf(({ conversion }) => conversion)
  const revenues = outcomeOf(({ revenue }) => revenue)
  return stored.map(({ variant, entered, crossed, orders, conversion }, at) => {
    const revenue = revenues[at] as Outcome
    return {
      ...{ variant, entered, crossed, visitors: conversion.visitors, orders },
      ...{ conversion: conversions[at] as Outcome, revenue },
      revenueBrought: times(revenue.uplift?.difference ?? null, conversion.visitors),
    }
  })
}

function times(estimate: Estimate | null, factor: number): Estimate | null {
  if (estimate === null) return null
  const { value, low, high } = estimate
  return { value: value * factor, low: low * factor, high: high * factor }
}
