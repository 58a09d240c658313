import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus'
import {
  averagePrecision,
  recallAtFalsePositives,
  type Scored,
  stratifiedInterval,
} from '#hub/evaluation/classification.ts'
import type { VerdictWord } from '#shared/kinds/verdict.ts'
import { lossOf } from './worth.ts'

const resamples = 200
const falsePositiveShare = 0.01
const severity = { allow: 0, review: 1, block: 2 } as const

/** A verdict of the POP on a payment whose outcome came later. */
export interface Judged {
  readonly verdict: VerdictWord
  /** Null where there is no model, or where it gave none. */
  readonly score: number | null
  readonly isFraud: boolean
  readonly items: number
}

export type VerdictFigures = ReturnType<typeof judgeVerdicts>

/** How well one placement told fraud, and what that was worth beside letting everything pass. */
export function judgeVerdicts(judged: readonly Judged[]) {
  const scored: Scored = {
    scores: Float64Array.from(judged, ({ score, verdict }) => score ?? severity[verdict]),
    labels: Uint8Array.from(judged, ({ isFraud }) => (isFraud ? 1 : 0)),
  }
  const recallOf = (of: Scored) => recallAtFalsePositives(of, falsePositiveShare)
  const interval = (metric: (of: Scored) => number) =>
    stratifiedInterval(scored, metric, { resamples, random: xoroshiro128plus(1) })
  const count = (verdict: VerdictWord, isFraud: boolean) =>
    judged.filter((each) => each.verdict === verdict && each.isFraud === isFraud).length
  const loss = (of: (each: Judged) => VerdictWord) =>
    judged.reduce((sum, each) => sum + lossOf(of(each), each.isFraud, each.items), 0)
  return {
    prAuc: interval(averagePrecision),
    recall: interval(recallOf),
    fraudAllowed: count('allow', true),
    fraudReviewed: count('review', true),
    fraudBlocked: count('block', true),
    goodReviewed: count('review', false),
    goodBlocked: count('block', false),
    saved: loss(() => 'allow') - loss(({ verdict }) => verdict),
  }
}
