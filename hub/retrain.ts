import type { Environment } from './environment.ts'
import { publishRelease } from './publishing/publish.ts'
import { makeModels } from './training/make-models.ts'
import { packModels } from './training/pack-models.ts'
import { readLesson } from './training/read-lesson.ts'
import type { Training, TrainingTask } from './training/training.ts'

/**
 * The life of a model: read → learn what the policy states → tune → judge → build → pack → publish.
 * What is published is live at the POPs within seconds; a model or a policy that is refused changes nothing.
 * Throws RegistryError `superseded` where it was trained under a claim that is another hub's by now.
 */
export async function retrain(
  site: string,
  by: string,
  environment: Environment,
  how: Partial<Pick<TrainingTask, 'report' | 'claim'>> = {},
): Promise<Training> {
  const startedAt = environment.now()
  const task: TrainingTask = { report: () => undefined, ...how, site, by, environment, startedAt }
  const lesson = await readLesson(task)
  if ('outcome' in lesson) return lesson
  const made = await makeModels(task, lesson)
  const packed = await packModels(task, lesson, made)
  if ('outcome' in packed) return packed

  const { release, manifest, reason } = packed
  const { figures, learned } = made
  task.report(`publishing: ${reason}`)
  const why = { by, why: reason, figures, manifest, ...(how.claim && { claim: how.claim }) }
  await publishRelease(site, release, why, environment)
  const trainSeconds = (environment.now() - startedAt) / 1_000
  return {
    ...{ outcome: 'published', reason, digest: release.digest, policy: lesson.origin },
    figures: { ...figures, releaseBytes: release.bytes.length, trainSeconds },
    models: learned,
  }
}
