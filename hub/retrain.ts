import { askedStreams } from '#models/anomaly/model.ts'
import type { ScoredItem } from '#shared/decide.ts'
import type { ItemFacts, Policy } from '#shared/policy.ts'
import { type Manifest, missingModel, packRelease } from '#shared/release.ts'
import type { Environment } from './environment.ts'
import { carriedModels, isBrought } from './judging/carried.ts'
import { type PolicyOrigin, readPolicy } from './policies/read-policy.ts'
import { liveRelease } from './publishing/live-release.ts'
import { publishRelease } from './publishing/publish.ts'
import { trainingFingerprint } from './training/fingerprint.ts'
import { modelBytesFor } from './training/model-bytes.ts'
import { readTrainingData, type TrainingData } from './training/read-sessions.ts'
import { learnTastes } from './training/taste/learn-tastes.ts'
import { trainInThread } from './training/train-in-thread.ts'
import type { TrainedModel } from './training/train-model.ts'

/** How a training ended; a sentence for people in `reason`. */
export interface Training {
  readonly outcome: 'published' | 'unchanged' | 'too_little' | 'refused'
  readonly reason: string
  /** Of the release that was published, or that is live already. */
  readonly digest: string | null
  /** Where the policy comes from; null where it is wrong. */
  readonly policy: PolicyOrigin | null
  readonly figures: Readonly<Record<string, number>>
}

/**
 * The life of a model: read → tune → judge → build → pack → publish.
 * What is published is live at the POPs within seconds; a model or a policy that is refused changes nothing.
 */
export async function retrain(
  site: string,
  by: string,
  environment: Environment,
): Promise<Training> {
  const startedAt = environment.now()
  const checked = await readPolicy(environment.config.policyDir, site)
  if (!checked.ok) return refused(checked.reason, null, {})
  const { policy, origin } = checked
  // Bytes that the disk has lost must not keep a new release from being made.
  const before = await liveRelease(site, environment).catch(() => null)
  if (ofItself.includes(by) && isBrought(before)) return refused(broughtReason, origin, {})
  const data = await readTrainingData(environment.store, site)
  const sessionsTotal = usableSessions(data)
  const readAt = environment.now()
  if (sessionsTotal < environment.config.retrainSessionsMin) {
    return tooLittle(sessionsTotal, origin, environment)
  }
  const madeFrom = trainingFingerprint(data, policy)
  if (before?.manifest.training.madeFrom === madeFrom) {
    return { ...unchanged, digest: before.digest, policy: origin, figures: sizesOf(data) }
  }
  const carried = carriedModels(before)
  const tastes = await learnTastes(site, policy, data.catalogue, environment.store)
  const others = { ...carried.bytes, ...tastes.bytes }
  const modelBytesMax = modelBytesFor(data.catalogue, Object.values(others))
  const training = trainInThread(data.sessions, { modelBytesMax })
  environment.failPoint('during_training')
  const trained = await training
  const builtAt = environment.now()
  const figures = {
    ...sizesOf(data),
    ...judged(trained),
    ...tastes.figures,
    readSeconds: (readAt - startedAt) / 1_000,
    buildAndJudgeSeconds: (builtAt - readAt) / 1_000,
  }
  if (!trained.verdict.passed) return refused(trained.verdict.reason, origin, figures)
  const own = manifestOf(site, trained, policy, { ...figures, madeFrom }, environment)
  const manifest = { ...own, models: { ...carried.declared, ...tastes.declared, ...own.models } }
  const missing = missingModel(policy, manifest.models)
  if (missing !== null) return refused(missing, origin, figures)
  const release = await packRelease({
    manifest,
    policy,
    catalogue: { items: [...data.catalogue] },
    popularity: popularItems(data.catalogue, trained),
    models: { ...others, 'session-knn': trained.model },
  })
  const publication = { by, why: trained.verdict.reason, figures, manifest }
  await publishRelease(site, release, publication, environment)
  const trainSeconds = (environment.now() - startedAt) / 1_000
  return {
    outcome: 'published',
    reason: trained.verdict.reason,
    digest: release.digest,
    policy: origin,
    figures: { ...figures, releaseBytes: release.bytes.length, trainSeconds },
  }
}

/** Who trains where nobody asked. */
const ofItself: readonly string[] = ['schedule', 'drift']

/** A session of one item says nothing of what comes next. */
function usableSessions({ sessions: { sessionOffsets } }: TrainingData): number {
  let usable = 0
  for (let session = 1; session < sessionOffsets.length; session++) {
    const length = (sessionOffsets[session] as number) - (sessionOffsets[session - 1] as number)
    if (length > 1) usable++
  }
  return usable
}

function sizesOf({ sessions, catalogue }: TrainingData) {
  return {
    sessions: sessions.sessionEndsAtMs.length,
    clicks: sessions.items.length,
    items: catalogue.length,
  }
}

function tooLittle(sessions: number, policy: PolicyOrigin, { config }: Environment): Training {
  const reason = `${sessions} sessions of two items and more, ${config.retrainSessionsMin} are needed`
  return { outcome: 'too_little', reason, digest: null, policy, figures: { sessions } }
}

const broughtReason = 'what is live was brought by somebody, and a schedule does not replace it'

const unchanged = {
  outcome: 'unchanged',
  reason: 'the live release was made from the same sessions and the same policy',
} as const

function refused(
  reason: string,
  policy: PolicyOrigin | null,
  figures: Training['figures'],
): Training {
  return { outcome: 'refused', reason, digest: null, policy, figures }
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

function manifestOf(
  site: string,
  trained: TrainedModel,
  policy: Policy,
  training: Manifest['training'],
  { now }: Environment,
): Manifest {
  return {
    format: 3,
    site,
    createdAt: new Date(now()).toISOString(),
    models: {
      'session-knn': {
        ...{ family: 'session-knn', inputs: ['session'], outputs: ['items', 'scores'] },
        itemsMax: trained.itemsMax,
      },
      ...askedStreams(policy),
    },
    training: { ...training, ...tuned(trained), verdict: trained.verdict.reason },
  }
}

function popularItems(catalogue: readonly ItemFacts[], { popularity }: TrainedModel): ScoredItem[] {
  return Array.from(popularity.items, (number, index) => ({
    id: (catalogue[number] as ItemFacts).id,
    score: popularity.scores[index] as number,
  }))
}
