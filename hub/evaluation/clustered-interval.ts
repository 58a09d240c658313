import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus'
import { bootstrapInterval, type Interval } from './metrics.ts'

const resamples = 2_000
const seed = 1

/**
 * The 95 % bootstrap interval of a mean over predictions. Sessions are resampled, not predictions:
 * those of one session are not independent. The mean is a ratio, the sums of the sessions over their
 * counts, so each session comes in as its linearised share of that ratio.
 */
export function clusteredInterval(
  values: readonly number[],
  sessionIds: readonly string[],
): Interval {
  const overall = values.reduce((total, value) => total + value, 0) / values.length
  const excess = new Map<string, number>()
  for (const [index, sessionId] of sessionIds.entries()) {
    const above = (values[index] as number) - overall
    excess.set(sessionId, (excess.get(sessionId) ?? 0) + above)
  }
  const scale = excess.size / values.length
  const shares = [...excess.values()].map((above) => overall + above * scale)
  return bootstrapInterval(shares, { resamples, random: xoroshiro128plus(seed) })
}
