import type { Environment } from '../environment.ts'
import type { PolicyOrigin } from '../policies/read-policy.ts'
import type { TrainingClaim, TrainingEnd } from '../registry/registry.ts'
import type { LearnedModel } from './learned/learn-models.ts'

/** A site that is to be trained, for whom, and with what. */
export interface TrainingTask {
  readonly site: string
  readonly by: string
  readonly environment: Environment
  /** Epoch ms. */
  readonly startedAt: number
  /** Told of each stage as it begins, for people. */
  readonly report: (line: string) => void
  /** Where it is another hub's by the end, nothing is published. */
  readonly claim?: TrainingClaim
}

/** A training that came to its end, with where its policy comes from; null where that is wrong. */
export interface Training extends TrainingEnd {
  readonly policy: PolicyOrigin | null
  /** How each model that the policy has learned ended; one that is not learned keeps nothing from being published. */
  readonly models?: readonly LearnedModel[]
}

/** What a stage answers that ends a training; it changes nothing. */
export function endedBy(
  outcome: Training['outcome'],
  reason: string,
  more: Partial<Pick<Training, 'policy' | 'figures' | 'models' | 'digest'>> = {},
): Training {
  return { digest: null, policy: null, figures: {}, ...more, outcome, reason }
}
