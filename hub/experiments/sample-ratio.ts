import { gammaln, sum } from 'simple-statistics'

/** The prior's weight, in visitors: shares that were lost on the way lie near the parts. */
const concentration = 10_000

/**
 * How likely variants so unevenly filled are at most, where the parts were kept: a p-value that stays valid
 * when looked at daily. A small one says that visitors get lost on the way to one variant, and then nothing
 * else of the experiment may be believed.
 *
 * The sequential test of Lindon and Malek, "Anytime-valid inference for multinomial count data" (NeurIPS
 * 2022): one over the Bayes factor of a Dirichlet prior around the parts.
 */
export function sampleRatioP(visitors: readonly number[], parts: readonly number[]): number {
  const total = sum([...parts])
  const shares = parts.map((part) => part / total)
  // A visitor in a variant that has no part cannot be by chance.
  if (visitors.some((count, at) => count > 0 && !((shares[at] ?? 0) > 0))) return 0
  const logFactor = sum(
    visitors.map((count, at) => {
      const share = shares[at] as number
      if (count === 0) return 0
      const prior = concentration * share
      return gammaln(prior + count) - gammaln(prior) - count * Math.log(share)
    }),
  )
  const seen = sum([...visitors])
  const logEvidence = logFactor + gammaln(concentration) - gammaln(concentration + seen)
  return Math.min(1, Math.exp(-logEvidence))
}
