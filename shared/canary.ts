import * as v from 'valibot'
import { fractionOf } from './fraction.ts'

const share = (fallback: number) =>
  v.optional(v.pipe(v.number(), v.minValue(0), v.maxValue(1)), fallback)

/** Past it an isolate would keep too few visitors of a small canary to reach it. */
const visitorsMinMax = 1_000

/**
 * When a POP ends a canary on its own; each is about the canary beside what is live at the same time, and each visitor
 * has one vote.
 */
export const canaryLimitsSchema = v.strictObject({
  /** Fewer visitors of the canary say nothing. */
  visitorsMin: v.optional(
    v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(visitorsMinMax)),
    200,
  ),
  /** Visitors of the canary with a decision that failed, beyond the share of what is live. */
  failureShareMax: share(0.02),
  /** Mean time of a visitor's decisions, as a multiple of what is live; counts past `latencyMsMin` only. */
  latencyRatioMax: v.optional(v.pipe(v.number(), v.minValue(1)), 2),
  latencyMsMin: v.optional(v.pipe(v.number(), v.minValue(0)), 50),
  /** Standard errors by which the share of visitors with an outcome may lie below that of what is live. */
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

/** What is counted of each of the two while a canary runs: a visitor is one, however much they ask and do. */
export interface ReleaseCounts {
  /** Who were decided on. */
  visitors: number
  /** Of them, who had a decision that failed. */
  failures: number
  /** Of them, who did afterwards what a recommendation is for. */
  outcomes: number
  /** Each visitor's mean time of a decision, summed. */
  latencyMsTotal: number
}

/** What a visitor does that a recommendation is for. */
export const outcomeEvents: ReadonlySet<string> = new Set(['Product Added', 'Order Completed'])

export function noCounts(): ReleaseCounts {
  return { visitors: 0, failures: 0, outcomes: 0, latencyMsTotal: 0 }
}

/** Where a visitor stands beside a canary, 0 to 1 without 1: the same at every POP, as long as it runs. */
export function placeIn(digest: string, visitor: string): number {
  return fractionOf(`canary ${digest}\n${visitor}`)
}

/** Whether who stands there is answered by the canary. */
export function isInCanary({ share }: CanaryTerms, place: number): boolean {
  return place < share
}

/**
 * Whether who stands there has a vote: who is answered by the canary, and four of the others for each of them. More would make
 * a comparison little surer (the standard error is 1.12 times the least), and leave the canary no room.
 */
export function hasVote({ share }: CanaryTerms, place: number): boolean {
  return place < share * 5
}

/** A sentence where a canary is outside its limits; null where it may go on. */
export function canaryFault(
  canary: ReleaseCounts,
  live: ReleaseCounts,
  limits: CanaryLimits,
): string | null {
  if (canary.visitors < limits.visitorsMin) return null
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
  const own = canary.failures / canary.visitors
  const others = live.failures / Math.max(1, live.visitors)
  if (own <= others + limits.failureShareMax) return null
  return `${percent(own)} of the canary's visitors had a decision that failed, ${percent(others)} of the others`
}

function slow(canary: ReleaseCounts, live: ReleaseCounts, limits: CanaryLimits) {
  const own = canary.latencyMsTotal / canary.visitors
  const others = live.latencyMsTotal / Math.max(1, live.visitors)
  const most = Math.max(limits.latencyMsMin, others * limits.latencyRatioMax)
  if (own <= most) return null
  return `a decision of the canary takes ${own.toFixed(1)} ms, one of the others ${others.toFixed(1)} ms`
}

/** Two shares of visitors: their difference in standard errors of the share of both together. */
function unwanted(canary: ReleaseCounts, live: ReleaseCounts, limits: CanaryLimits) {
  if (live.visitors < limits.visitorsMin) return null
  const own = canary.outcomes / canary.visitors
  const others = live.outcomes / live.visitors
  const pooled = (canary.outcomes + live.outcomes) / (canary.visitors + live.visitors)
  const error = Math.sqrt(pooled * (1 - pooled) * (1 / canary.visitors + 1 / live.visitors))
  if (error === 0 || (others - own) / error <= limits.outcomeErrorsMax) return null
  return `${percent(own)} of the canary's visitors had an outcome, ${percent(others)} of the others`
}

function percent(share: number): string {
  return `${(share * 100).toFixed(1)} %`
}
