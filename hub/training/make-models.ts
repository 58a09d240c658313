import type { Manifest } from '#shared/release.ts'
import { carriedModels } from '../judging/carried.ts'
import { type LearnedModel, learnModels } from './learned/learn-models.ts'
import { modelBytesFor } from './model-bytes.ts'
import type { Lesson } from './read-lesson.ts'
import { type Recommending, recommendingOf } from './recommending.ts'
import { learnTastes } from './taste/learn-tastes.ts'
import { trainInProcess } from './train-in-process.ts'
import type { TrainedModel } from './train-model.ts'
import type { TrainingTask } from './training.ts'

/** The models of a release, and how they did. */
export interface MadeModels {
  /** All but what names items, by name. */
  readonly declared: Manifest['models']
  readonly bytes: Readonly<Record<string, Uint8Array>>
  /** What recommends by the session, and its verdict; null where there are too few sessions, or nothing asks for it. */
  readonly trained: TrainedModel | null
  /** What names items, as it was trained. */
  readonly recommending: Recommending
  /** How each model that the policy has learned ended. */
  readonly learned: readonly LearnedModel[]
  /** What these have to say, for people. */
  readonly told: Readonly<Record<string, string | number>>
  readonly figures: Readonly<Record<string, number>>
}

/** Learns what the policy states, takes over what stays, and trains and judges what recommends in the room that is left. */
export async function makeModels(
  { site, environment, startedAt, report }: TrainingTask,
  lesson: Lesson,
): Promise<MadeModels> {
  const { policy, before, data, heard, texts, sizes, readAt } = lesson
  const learned = await learnModels(site, policy, heard, before, environment, report)
  const carried = carriedModels(before, policy)
  const tastes = await learnTastes(site, policy, data.catalogue, environment.store)
  const bytes = { ...texts.bytes, ...carried.bytes, ...learned.bytes }
  const others = [...Object.values(bytes), ...Object.values(tastes.bytes)]
  const modelBytesMax = modelBytesFor(data.catalogue, others)
  // What no placement asks for is not learned: it could only keep a policy from going out.
  const isWanted = lesson.hasSessions && lesson.asksForItems
  const training = isWanted ? trainInProcess(data.sessions, { modelBytesMax }, report) : null
  environment.failPoint('during_training')
  const trained = await training
  return {
    ...{ bytes, trained, learned: learned.reports, told: learned.told },
    declared: { ...texts.declared, ...carried.declared, ...learned.declared },
    recommending: recommendingOf(data, lesson.hasSessions, trained, tastes),
    figures: {
      ...sizes,
      ...(trained && judged(trained)),
      ...tastes.figures,
      readSeconds: (readAt - startedAt) / 1_000,
      buildAndJudgeSeconds: (environment.now() - readAt) / 1_000,
    },
  }
}

function judged({ verdict }: TrainedModel) {
  const { predictions, hitRate20, mrr20, popularityMrr20 } = verdict
  return {
    judgedPredictions: predictions,
    judgedHitRate20: hitRate20,
    judgedMrr20: mrr20,
    judgedPopularityMrr20: popularityMrr20,
  }
}
