import { askedStreams } from '#models/anomaly/model.ts'
import type { ScoredItem } from '#shared/decide.ts'
import type { ItemFacts } from '#shared/policy.ts'
import { type Manifest, missingModel, type PackedRelease, packRelease } from '#shared/release.ts'
import { protectedFeature } from '../judging/protected-feature.ts'
import type { LearnedModel } from './learned/learn-models.ts'
import type { MadeModels } from './make-models.ts'
import type { Lesson } from './read-lesson.ts'
import type { TrainingData } from './read-sessions.ts'
import { popularityOf, type TrainedModel } from './train-model.ts'
import { endedBy, type Training, type TrainingTask } from './training.ts'

/** A release that may be published, and why. */
export interface PackedModels {
  readonly release: PackedRelease
  readonly manifest: Manifest
  /** A sentence for people. */
  readonly reason: string
}

/** Packs models, policy and catalogue; refuses what was judged too weak, and what the policy cannot be served by. */
export async function packModels(
  { site, environment }: TrainingTask,
  { policy, origin, data, hasSessions, sizes, madeFrom }: Lesson,
  { declared, bytes, trained, learned, told, figures }: MadeModels,
): Promise<PackedModels | Training> {
  const refused = (reason: string) =>
    endedBy('refused', reason, { policy: origin, figures, models: learned })
  if (trained && !trained.verdict.passed) return refused(trained.verdict.reason)
  const reason = trained?.verdict.reason ?? reasonOf(learned, sizes.sessions)
  const manifest: Manifest = {
    ...{ format: 3, site, createdAt: new Date(environment.now()).toISOString() },
    models: { ...declared, ...(trained && recommender(trained)), ...askedStreams(policy) },
    training: { ...figures, madeFrom, ...told, verdict: reason, ...(trained && tuned(trained)) },
  }
  const problem = missingModel(policy, manifest.models) ?? protectedFeature(policy, manifest.models)
  if (problem !== null) return refused(problem)
  const release = await packRelease({
    manifest,
    policy,
    catalogue: { items: [...data.catalogue] },
    popularity: hasSessions ? popularItems(data) : [],
    models: { ...bytes, ...(trained && { 'session-knn': trained.model }) },
  })
  return { release, manifest, reason }
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

function recommender({ itemsMax }: TrainedModel): Manifest['models'] {
  return {
    'session-knn': {
      ...{ family: 'session-knn', inputs: ['session'], outputs: ['items', 'scores'], itemsMax },
    },
  }
}

/** Where nothing recommends by the session: what became of the models that the policy has learned. */
function reasonOf(models: readonly LearnedModel[], sessions: number): string {
  if (models.length === 0) return `what is popular in ${sessions} sessions, as the policy asks`
  return models.map(({ name, outcome, reason }) => `${name}: ${outcome}, ${reason}`).join('; ')
}

function popularItems({ catalogue, sessions }: TrainingData): ScoredItem[] {
  const { items, scores } = popularityOf(sessions)
  return Array.from(items, (number, index) => ({
    id: (catalogue[number] as ItemFacts).id,
    score: scores[index] as number,
  }))
}
