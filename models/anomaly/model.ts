import type { Model } from '#shared/model.ts'
import type { Policy } from '#shared/policy.ts'

/** A stream is a property of a visitor's events; it needs no training and no file. */
const anomalyModel: Model = { family: 'stream', from: 'event.value' }

/** What a policy asks for that learns at the POP: it is there for whoever names it. */
export function askedStreams({
  placements,
}: Pick<Policy, 'placements'>): Readonly<Record<string, Model>> {
  const isAsked = Object.values(placements).some(({ model }) => model === 'anomaly')
  return isAsked ? { anomaly: anomalyModel } : {}
}
