import type { ScoredItem } from '#shared/decide.ts'
import type { ItemFacts } from '#shared/policy.ts'
import { type Manifest, missingModel, packRelease } from '#shared/release.ts'
import type { Environment } from './environment.ts'
import { readPolicy } from './policies/read-policy.ts'
import { publishRelease } from './publishing/publish.ts'
import { readTrainingData, type TrainingData } from './training/read-sessions.ts'
import { trainInThread } from './training/train-in-thread.ts'
import type { TrainedModel } from './training/train-model.ts'

/** How a training ended; a sentence for people in `reason`. */
export interface Training {
  readonly outcome: 'published' | 'too_little' | 'refused'
  readonly reason: string
  readonly digest: string | null
  readonly figures: Readonly<Record<string, number>>
}

/**
 * The life of a model: read → build → judge → pack → publish.
 * What is published is live at the POPs within seconds; a model or a policy that is refused changes nothing.
 */
export async function retrain(
  site: string,
  by: string,
  environment: Environment,
): Promise<Training> {
  const startedAt = environment.now()
  const checked = await readPolicy(environment.config.policyDir, site)
  if (!checked.ok) return { outcome: 'refused', reason: checked.reason, digest: null, figures: {} }
  const data = await readTrainingData(environment.store, site)
  const sessionsTotal = usableSessions(data)
  const readAt = environment.now()
  if (sessionsTotal < environment.config.retrainSessionsMin) {
    return tooLittle(sessionsTotal, environment.config.retrainSessionsMin)
  }
  const training = trainInThread(data.sessions)
  environment.failPoint('during_training')
  const trained = await training
  const builtAt = environment.now()
  const figures = {
    sessions: data.sessions.sessionEndsAtMs.length,
    clicks: data.sessions.items.length,
    items: data.catalogue.length,
    ...judged(trained),
    readSeconds: (readAt - startedAt) / 1_000,
    buildAndJudgeSeconds: (builtAt - readAt) / 1_000,
  }
  if (!trained.verdict.passed) {
    return { outcome: 'refused', reason: trained.verdict.reason, digest: null, figures }
  }
  const manifest = manifestOf(site, trained, figures, environment)
  const missing = missingModel(checked.policy, manifest.models)
  if (missing !== null) return { outcome: 'refused', reason: missing, digest: null, figures }
  const release = await packRelease({
    manifest,
    policy: checked.policy,
    catalogue: { items: [...data.catalogue] },
    popularity: popularItems(data.catalogue, trained),
    models: { 'session-knn': trained.model },
  })
  const publication = { by, why: trained.verdict.reason, figures, manifest }
  await publishRelease(site, release, publication, environment)
  const trainSeconds = (environment.now() - startedAt) / 1_000
  return {
    outcome: 'published',
    reason: trained.verdict.reason,
    digest: release.digest,
    figures: { ...figures, releaseBytes: release.bytes.length, trainSeconds },
  }
}

/** A session of one item says nothing of what comes next. */
function usableSessions({ sessions: { sessionOffsets } }: TrainingData): number {
  let usable = 0
  for (let session = 1; session < sessionOffsets.length; session++) {
    const length = (sessionOffsets[session] as number) - (sessionOffsets[session - 1] as number)
    if (length > 1) usable++
  }
  return usable
}

function tooLittle(sessionsTotal: number, sessionsMin: number): Training {
  const reason = `${sessionsTotal} sessions of two items and more, ${sessionsMin} are needed`
  return { outcome: 'too_little', reason, digest: null, figures: { sessions: sessionsTotal } }
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

function manifestOf(
  site: string,
  { itemsMax, verdict }: TrainedModel,
  figures: Readonly<Record<string, number>>,
  { now }: Environment,
): Manifest {
  return {
    format: 3,
    site,
    createdAt: new Date(now()).toISOString(),
    models: {
      'session-knn': {
        ...{ family: 'session-knn', inputs: ['session'], outputs: ['items', 'scores'], itemsMax },
      },
    },
    training: { ...figures, verdict: verdict.reason },
  }
}

function popularItems(catalogue: readonly ItemFacts[], { popularity }: TrainedModel): ScoredItem[] {
  return Array.from(popularity.items, (number, index) => ({
    id: (catalogue[number] as ItemFacts).id,
    score: popularity.scores[index] as number,
  }))
}
