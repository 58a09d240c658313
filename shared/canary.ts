import * as v from 'valibot'
import { fractionOf } from './fraction.ts'

const share = (fallback: number) =>
  v.optional(v.pipe(v.number(), v.minValue(0), v.maxValue(1)), fallback)

/** When a POP ends a canary on its own; each is about the canary beside what is live at the same time. */
export const canaryLimitsSchema = v.strictObject({
  /** Fewer decisions by the canary say nothing. */
  decisionsMin: v.optional(v.pipe(v.number(), v.integer(), v.minValue(1)), 200),
  /** Decisions of the canary that failed or fell back, beyond the share of what is live. */
  failureShareMax: share(0.02),
  /** Mean time of a decision, as a multiple of what is live; counts past `latencyMsMin` only. */
  latencyRatioMax: v.optional(v.pipe(v.number(), v.minValue(1)), 2),
  latencyMsMin: v.optional(v.pipe(v.number(), v.minValue(0)), 50),
  /** Standard errors by which outcomes a decision may lie below those of what is live. */
  outcomeErrorsMax: v.optional(v.pipe(v.number(), v.minValue(0)), 3),
})
export type CanaryLimits = v.InferOutput<typeof canaryLimitsSchema>

/** A release that answers a part of the visitors while another answers the rest. */
export const canaryTermsSchema = v.strictObject({
  share: v.pipe(v.number(), v.minValue(0), v.maxValue(1)),
  /** Which order this is: the same release may be tried again. */
  startedAtMs: v.pipe(v.number(), v.safeInteger()),
  limits: canaryLimitsSchema,
})
export type CanaryTerms = v.InferOutput<typeof canaryTermsSchema>

/** How a POP ended a canary on its own. */
export const canaryEndSchema = v.object({
  digest: v.string(),
  startedAtMs: v.number(),
  at: v.number(),
  /** A sentence for people. */
  reason: v.string(),
  figures: v.record(v.string(), v.number()),
})
export type CanaryEnd = v.InferOutput<typeof canaryEndSchema>

/** What is counted of each of the two while a canary runs. */
export interface ReleaseCounts {
  decisions: number
  failures: number
  outcomes: number
  latencyMsTotal: number
}

/** What a visitor does that a recommendation is for; counted by the release that answers the visitor. */
export const outcomeEvents: ReadonlySet<string> = new Set(['Product Added', 'Order Completed'])

export function noCounts(): ReleaseCounts {
  return { decisions: 0, failures: 0, outcomes: 0, latencyMsTotal: 0 }
}

/** Whether a visitor is answered by the canary: the same at every POP, as long as it runs. */
export function isInCanary(digest: string, { share }: CanaryTerms, visitor: string): boolean {
  return fractionOf(`canary ${digest}\n${visitor}`) < share
}

/** A sentence where a canary is outside its limits; null where it may go on. */
export function canaryFault(
  canary: ReleaseCounts,
  live: ReleaseCounts,
  limits: CanaryLimits,
): string | null {
  if (canary.decisions < limits.decisionsMin) return null
  return (
    failing(canary, live, limits) ?? slow(canary, live, limits) ?? unwanted(canary, live, limits)
  )
}

/** The counts of both by flat names, for a report. */
export function canaryFigures(canary: ReleaseCounts, live: ReleaseCounts): Record<string, number> {
  const figures = { canary, live }
  return Object.fromEntries(
    Object.entries(figures).flatMap(([whose, counts]) =>
      Object.entries(counts).map(([name, value]) => [
        `${whose}${name[0]?.toUpperCase()}${name.slice(1)}`,
        value,
      ]),
    ),
  )
}

function failing(canary: ReleaseCounts, live: ReleaseCounts, limits: CanaryLimits) {
  const own = canary.failures / canary.decisions
  const others = live.failures / Math.max(1, live.decisions)
  if (own <= others + limits.failureShareMax) return null
  return `${percent(own)} of the canary's decisions failed, ${percent(others)} of the others`
}

function slow(canary: ReleaseCounts, live: ReleaseCounts, limits: CanaryLimits) {
  const own = canary.latencyMsTotal / canary.decisions
  const others = live.latencyMsTotal / Math.max(1, live.decisions)
  const most = Math.max(limits.latencyMsMin, others * limits.latencyRatioMax)
  if (own <= most) return null
  return `a decision of the canary takes ${own.toFixed(1)} ms, one of the others ${others.toFixed(1)} ms`
}

/** Two rates of rare events, each of a Poisson count: their difference in its standard errors. */
function unwanted(canary: ReleaseCounts, live: ReleaseCounts, limits: CanaryLimits) {
  if (live.decisions < limits.decisionsMin) return null
  const own = canary.outcomes / canary.decisions
  const others = live.outcomes / live.decisions
  const pooled = (canary.outcomes + live.outcomes) / (canary.decisions + live.decisions)
  const error = Math.sqrt(pooled / canary.decisions + pooled / live.decisions)
  if (error === 0 || (others - own) / error <= limits.outcomeErrorsMax) return null
  return `${percent(own)} of the canary's decisions had an outcome, ${percent(others)} of the others`
}

function percent(share: number): string {
  return `${(share * 100).toFixed(1)} %`
}
