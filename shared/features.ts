import type { Session } from './session.ts'
import type { KeptForecast } from './stream/remembered.ts'
import type { FeatureValues } from './tabular/read-features.ts'
import type { TextInputs } from './text/read-text.ts'

/** What a model sees of a visitor; logged with the decision. */
export interface Features {
  /** Items of the running session that the release knows, oldest first. */
  readonly items: readonly string[]
  readonly views: number
  readonly carts: number
  readonly purchases: number
  readonly spend: number
  /** From the first event of the session to its last. */
  readonly lengthMs: number
  /** 0–23, in UTC. */
  readonly hour: number
  /** What a tabular model was given, by the names of its features. */
  readonly inputs?: FeatureValues
  /** What a model of texts was given: no copy of what somebody wrote, and enough to score it again. */
  readonly text?: TextInputs
  /** What a stream said of the readings, null where there were none: its state is not stored with a decision. */
  readonly streamScore?: number | null
  /** What that was made from, where a model foretold the reading. */
  readonly forecast?: KeptForecast
}

/** The features of a session at a moment (epoch ms), of the last `itemsMax` items in the vocabulary. */
export function featurise(
  session: Session | null,
  isKnown: (item: string) => boolean,
  at: number,
  itemsMax: number,
): Features {
  return {
    items: (session?.items ?? []).filter(isKnown).slice(-itemsMax),
    views: session?.views ?? 0,
    carts: session?.carts ?? 0,
    purchases: session?.purchases ?? 0,
    spend: session?.spend ?? 0,
    lengthMs: session ? session.lastAt - session.startedAt : 0,
    hour: new Date(at).getUTCHours(),
  }
}
