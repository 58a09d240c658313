import { askedStreams } from '#models/anomaly/model.ts'
import { askedTimes } from '#models/time-of-day/asked.ts'
import type { ScoredItem } from '#shared/decide.ts'
import type { ItemFacts, Policy } from '#shared/policy.ts'
import { type Manifest, missingModel, packRelease } from '#shared/release.ts'
import type { Environment } from './environment.ts'
import { carriedModels, isBrought } from './judging/carried.ts'
import { protectedFeature } from './judging/protected-feature.ts'
import { type PolicyOrigin, readPolicy } from './policies/read-policy.ts'
import { liveRelease } from './publishing/live-release.ts'
import { publishRelease } from './publishing/publish.ts'
import type { TrainingClaim, TrainingEnd } from './registry/registry.ts'
import { trainingFingerprint } from './training/fingerprint.ts'
import { type LearnedModel, learnModels } from './training/learned/learn-models.ts'
import { nothingHeard, readHeard } from './training/learned/read-histories.ts'
import { modelBytesFor } from './training/model-bytes.ts'
import { readTrainingData, type TrainingData } from './training/read-sessions.ts'
import { askedTexts } from './training/sentiment/shipped.ts'
import { learnTastes } from './training/taste/learn-tastes.ts'
import { trainInProcess } from './training/train-in-process.ts'
import type { TrainedModel } from './training/train-model.ts'

/** A training that came to its end, with where its policy comes from; null where that is wrong. */
export interface Training extends TrainingEnd {
  readonly policy: PolicyOrigin | null
  /** How each model that the policy has learned ended; one that is not learned keeps nothing from being published. */
  readonly models?: readonly LearnedModel[]
}

export interface RetrainOptions {
  /** Told of each stage as it begins, for people. */
  readonly report?: (line: string) => void
  /** Where it is another hub's by the end, nothing is published and `superseded` is thrown. */
  readonly claim?: TrainingClaim
}

/**
 * The life of a model: read → learn what the policy states → tune → judge → build → pack → publish.
 * What is published is live at the POPs within seconds; a model or a policy that is refused changes nothing.
 */
export async function retrain(
  site: string,
  by: string,
  environment: Environment,
  { report = () => undefined, claim }: RetrainOptions = {},
): Promise<Training> {
  const startedAt = environment.now()
  const checked = await readPolicy(environment.config.policyDir, site)
  if (!checked.ok) return refused(checked.reason, null, {})
  const { policy, origin } = checked
  // Bytes that the disk has lost must not keep a new release from being made.
  const before = await liveRelease(site, environment).catch(() => null)
  if (ofItself.includes(by) && isBrought(before)) return refused(broughtReason, origin, {})
  report('reading the sessions from the store')
  const data = await readTrainingData(environment.store, site)
  const heard = policy.models ? await readHeard(environment.store, site) : nothingHeard
  const sessionsTotal = usableSessions(data)
  const readAt = environment.now()
  const hasSessions = sessionsTotal >= environment.config.retrainSessionsMin
  if (!hasSessions && (heard.events === 0 || asksForItems(policy))) {
    return tooLittle(sessionsTotal, origin, environment)
  }
  const texts = askedTexts(policy)
  const madeFrom = trainingFingerprint(data, policy, heard, texts.bytes)
  if (before?.manifest.training.madeFrom === madeFrom) {
    return { ...unchanged, digest: before.digest, policy: origin, figures: sizesOf(data) }
  }
  const { sessions, clicks, items } = sizesOf(data)
  report(`${sessions} sessions of ${clicks} clicks on ${items} items were read`)
  const learned = await learnModels(site, policy, heard, before, environment, report)
  const models = learned.reports
  const carried = carriedModels(before, policy)
  const tastes = await learnTastes(site, policy, data.catalogue, environment.store)
  const others = { ...texts.bytes, ...carried.bytes, ...tastes.bytes, ...learned.bytes }
  const modelBytesMax = modelBytesFor(data.catalogue, Object.values(others))
  const training = hasSessions ? trainInProcess(data.sessions, { modelBytesMax }, report) : null
  environment.failPoint('during_training')
  const trained = await training
  const builtAt = environment.now()
  const figures = {
    ...sizesOf(data),
    ...(trained && judged(trained)),
    ...tastes.figures,
    readSeconds: (readAt - startedAt) / 1_000,
    buildAndJudgeSeconds: (builtAt - readAt) / 1_000,
  }
  const refusedFor = (reason: string) => ({ ...refused(reason, origin, figures), models })
  if (trained && !trained.verdict.passed) return refusedFor(trained.verdict.reason)
  const reason = trained?.verdict.reason ?? reasonOf(models)
  const manifest: Manifest = {
    ...{ format: 3, site, createdAt: new Date(environment.now()).toISOString() },
    models: {
      ...{ ...texts.declared, ...carried.declared, ...tastes.declared, ...learned.declared },
      ...(trained && recommender(trained)),
      ...askedStreams(policy),
    },
    training: {
      ...{ ...figures, madeFrom, ...learned.told, verdict: reason },
      ...(trained && tuned(trained)),
    },
  }
  const problem = missingModel(policy, manifest.models) ?? protectedFeature(policy, manifest.models)
  if (problem !== null) return refusedFor(problem)
  const release = await packRelease({
    manifest,
    policy,
    catalogue: { items: [...data.catalogue] },
    popularity: trained ? popularItems(data.catalogue, trained) : [],
    models: { ...others, ...(trained && { 'session-knn': trained.model }) },
  })
  report(`publishing: ${reason}`)
  const publication = { by, why: reason, figures, manifest, ...(claim && { claim }) }
  await publishRelease(site, release, publication, environment)
  const trainSeconds = (environment.now() - startedAt) / 1_000
  return {
    ...{ outcome: 'published', reason, digest: release.digest, policy: origin, models },
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

function recommender({ itemsMax }: TrainedModel): Manifest['models'] {
  return {
    'session-knn': {
      ...{ family: 'session-knn', inputs: ['session'], outputs: ['items', 'scores'], itemsMax },
    },
  }
}

/** Whether a policy cannot do without what sessions teach. */
function asksForItems(policy: Policy): boolean {
  const isNamed = Object.values(policy.placements).some(({ model }) => model === 'session-knn')
  return isNamed || askedTimes(policy).length > 0
}

/** Of a site that recommends nothing: what became of the models that its policy has learned. */
function reasonOf(models: readonly LearnedModel[]): string {
  return models.map(({ name, outcome, reason }) => `${name}: ${outcome}, ${reason}`).join('; ')
}

function popularItems(catalogue: readonly ItemFacts[], { popularity }: TrainedModel): ScoredItem[] {
  return Array.from(popularity.items, (number, index) => ({
    id: (catalogue[number] as ItemFacts).id,
    score: popularity.scores[index] as number,
  }))
}
