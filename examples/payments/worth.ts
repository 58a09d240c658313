import type { VerdictWord } from '#shared/kinds/verdict.ts'

/** The file has no amounts: an item is taken to be worth this. */
const itemWorth = 40
/** What somebody who looks at a payment costs; that they decide rightly is assumed. */
const reviewCost = 3
/** What a shop loses of a good payment that it turns away. */
const marginShare = 0.3

/**
 * Scores from which on it pays, where a score is a probability: a look is cheaper than the fraud it finds, and turning
 * away is cheaper than a look.
 */
export const thresholds = {
  review: reviewCost / itemWorth,
  block: 1 - reviewCost / (marginShare * itemWorth),
}

/** What a verdict lost of one payment. */
export function lossOf(verdict: VerdictWord, isFraud: boolean, items: number): number {
  const amount = items * itemWorth
  if (verdict === 'review') return reviewCost
  if (isFraud) return verdict === 'allow' ? amount : 0
  return verdict === 'block' ? marginShare * amount : 0
}
