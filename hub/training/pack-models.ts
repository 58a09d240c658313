import { askedStreams } from '#models/anomaly/model.ts'
import type { Policy } from '#shared/policy.ts'
import { type Manifest, missingModel, type PackedRelease, packRelease } from '#shared/release.ts'
import { protectedFeature } from '../judging/protected-feature.ts'
import type { LearnedModel } from './learned/learn-models.ts'
import type { MadeModels } from './make-models.ts'
import type { Lesson } from './read-lesson.ts'
import { recommendingNow } from './recommending.ts'
import type { TrainedModel } from './train-model.ts'
import { endedBy, type Training, type TrainingTask } from './training.ts'

/** A release that may be published, and why. */
export interface PackedModels {
  readonly release: PackedRelease
  readonly manifest: Manifest
  /** A sentence for people. */
  readonly reason: string
}

/**
 * Packs models, policy and catalogue; refuses what was judged too weak, and what the policy cannot be served by. A policy
 * that has changed goes out all the same, with what recommends now: sessions are made by anybody, a policy by its site.
 */
export async function packModels(
  { site, environment }: TrainingTask,
  { policy, origin, before, sizes, madeFrom }: Lesson,
  { declared, bytes, trained, recommending, learned, told, figures }: MadeModels,
): Promise<PackedModels | Training> {
  const refused = (reason: string) =>
    endedBy('refused', reason, { policy: origin, figures, models: learned })
  const isTooWeak = trained !== null && !trained.verdict.passed
  const isNews = before !== null && !isSamePolicy(policy, before.policy)
  if (isTooWeak && !isNews) return refused(trained.verdict.reason)
  const from = isTooWeak && isNews ? recommendingNow(before) : recommending
  const verdict = trained?.verdict.reason ?? reasonOf(learned, sizes.sessions)
  const reason = isTooWeak ? `the policy has changed, what recommends has not: ${verdict}` : verdict
  const manifest: Manifest = {
    ...{ format: 3, site, createdAt: new Date(environment.now()).toISOString() },
    models: { ...declared, ...from.declared, ...askedStreams(policy) },
    training: {
      ...figures,
      madeFrom,
      ...told,
      verdict: reason,
      ...(trained && !isTooWeak && tuned(trained)),
    },
  }
  const problem = missingModel(policy, manifest.models) ?? protectedFeature(policy, manifest.models)
  if (problem !== null) return refused(isTooWeak ? `${verdict}; ${problem}` : problem)
  const release = await packRelease({
    manifest,
    policy,
    catalogue: { items: [...from.catalogue] },
    popularity: [...from.popularity],
    models: { ...bytes, ...from.bytes },
  })
  return { release, manifest, reason }
}

/** As it is written in a release. */
function isSamePolicy(one: Policy, other: Policy): boolean {
  return JSON.stringify(one) === JSON.stringify(other)
}

/** How the settings were found, and what they are: for people, in the manifest. */
function tuned({ tuning }: TrainedModel) {
  const { trials, questions, before, after, settings } = tuning
  const named = Object.entries(settings).map(([name, value]) => [`settings.${name}`, value])
  return {
    tuningTrials: trials,
    tuningQuestions: questions,
    tuningHitRate20Before: before.hitRate20,
    tuningHitRate20: after.hitRate20,
    tuningMrr20Before: before.mrr20,
    tuningMrr20: after.mrr20,
    ...Object.fromEntries(named),
  }
}

/** Where nothing recommends by the session: what became of the models that the policy has learned. */
function reasonOf(models: readonly LearnedModel[], sessions: number): string {
  if (models.length === 0) return `what is popular in ${sessions} sessions, as the policy asks`
  return models.map(({ name, outcome, reason }) => `${name}: ${outcome}, ${reason}`).join('; ')
}
