import { mean } from 'simple-statistics'
import { clusteredInterval } from '#hub/evaluation/clustered-interval.ts'
import {
  coverage,
  hitRate,
  ndcg,
  type Prediction,
  recall,
  reciprocalRank,
} from '#hub/evaluation/metrics.ts'

export const replayLength = 20

/** What was recommended to whom, in the ids of the items, and what the visitor then did. */
export interface Replayed extends Prediction<string> {
  readonly sessionId: string
}

/** The quality of some answers; the intervals are over sessions. */
export function qualityFigures(
  replayed: readonly Replayed[],
  itemsTotal: number,
): Record<string, number> {
  const values = (metric: (one: Replayed, length: number) => number) =>
    replayed.map((one) => metric(one, replayLength))
  const sessionIds = replayed.map((one) => one.sessionId)
  const hits = clusteredInterval(values(hitRate), sessionIds)
  const ranks = clusteredInterval(values(reciprocalRank), sessionIds)
  return {
    predictions: replayed.length,
    hitRate20: mean(values(hitRate)),
    hitRate20Low: hits.low,
    hitRate20High: hits.high,
    mrr20: mean(values(reciprocalRank)),
    mrr20Low: ranks.low,
    mrr20High: ranks.high,
    ndcg20: mean(values(ndcg)),
    recall20: mean(values(recall)),
    coverage20: coverage(replayed, replayLength, itemsTotal),
  }
}

export function predictionLine({ recommended, next }: Replayed): string {
  return `${recommended.join(',')};${next.join(',')}\n`
}
