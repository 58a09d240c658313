import type { SessionKnnIndex } from '#shared/session-knn.ts'

interface Narrower {
  readonly index: SessionKnnIndex
  readonly bytesSaved: number
}

/** The numbers of a model in fewer bytes than they have; the table of models/README.md. */
export const narrower: Record<string, (index: SessionKnnIndex) => Narrower> = {
  'rule shares of 8 bits': (index) => {
    const { ruleShares, ruleRowWeights } = index
    const shares = Uint8Array.from(ruleShares, (share) => Math.max(1, Math.round(share / 257)))
    return {
      index: {
        ...index,
        ruleShares: shares as unknown as Uint16Array,
        ruleRowWeights: ruleRowWeights.map((weight) => weight * 257),
      },
      bytesSaved: shares.length,
    }
  },
  'weights of 16 bits (fp16)': (index) => {
    const { sessionWeights, itemWindowWeights, itemCandidateWeights } = index
    const narrowed = {
      sessionWeights: halves(sessionWeights),
      itemWindowWeights: halves(itemWindowWeights),
      itemCandidateWeights: halves(itemCandidateWeights),
    }
    const total = Object.values(narrowed).reduce((sum, { length }) => sum + length, 0)
    return { index: { ...index, ...narrowed }, bytesSaved: 2 * total }
  },
}

function halves(weights: Float32Array): Float32Array {
  return weights.map((weight) => f16round(weight))
}

/** `Math.f16round` of ES2025, which the types do not have yet. */
const { f16round } = Math as unknown as { f16round: (value: number) => number }
