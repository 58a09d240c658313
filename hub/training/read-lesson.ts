import { askedTimes } from '#models/time-of-day/asked.ts'
import type { Policy } from '#shared/policy.ts'
import type { ReleaseParts } from '#shared/release.ts'
import { isBrought } from '../judging/carried.ts'
import { type PolicyOrigin, readPolicy } from '../policies/read-policy.ts'
import { liveRelease } from '../publishing/live-release.ts'
import { trainingFingerprint } from './fingerprint.ts'
import { type Heard, nothingHeard, readHeard } from './learned/read-histories.ts'
import { readTrainingData, type TrainingData } from './read-sessions.ts'
import { askedTexts } from './sentiment/shipped.ts'
import { endedBy, type Training, type TrainingTask } from './training.ts'

/** All that a release is made from. */
export interface Lesson {
  readonly policy: Policy
  readonly origin: PolicyOrigin
  /** What is live; null before the first release. */
  readonly before: ReleaseParts | null
  readonly data: TrainingData
  readonly heard: Heard
  /** The models that come with the hub. */
  readonly texts: ReturnType<typeof askedTexts>
  /** Whether there are enough sessions to learn from. */
  readonly hasSessions: boolean
  /** Whether a placement, or a model beside it, asks for what sessions teach. */
  readonly asksForItems: boolean
  readonly sizes: ReturnType<typeof sizesOf>
  readonly madeFrom: string
  /** Epoch ms. */
  readonly readAt: number
}

/** Reads what a training learns from, or says why there is nothing to train. */
export async function readLesson({
  site,
  by,
  environment,
  report,
}: TrainingTask): Promise<Lesson | Training> {
  const { store, config, now } = environment
  const checked = await readPolicy(config.policyDir, site)
  if (!checked.ok) return endedBy('refused', checked.reason)
  const { policy, origin } = checked
  // Bytes that the disk has lost must not keep a new release from being made.
  const before = await liveRelease(site, environment).catch(() => null)
  if (ofItself.includes(by) && isBrought(before)) {
    return endedBy('refused', broughtReason, { policy: origin })
  }
  report('reading the sessions from the store')
  const data = await readTrainingData(store, site)
  const heard = policy.models ? await readHeard(store, site) : nothingHeard
  const readAt = now()
  const sessions = usableSessions(data)
  const hasSessions = sessions >= config.retrainSessionsMin
  const asksForItems = needsSessionModel(policy)
  if (!hasSessions && asksForItems) {
    const needed = `${config.retrainSessionsMin} are needed`
    const reason = `${sessions} sessions of two items and more, ${needed} before the policy is released`
    return endedBy('too_little', reason, { policy: origin, figures: { sessions } })
  }
  const texts = askedTexts(policy)
  const madeFrom = trainingFingerprint(data, policy, heard, texts.bytes)
  const sizes = sizesOf(data)
  if (before?.manifest.training.madeFrom === madeFrom) {
    const { digest } = before
    return endedBy('unchanged', unchangedReason, { digest, policy: origin, figures: sizes })
  }
  report(`${sizes.sessions} sessions of ${sizes.clicks} clicks on ${sizes.items} items were read`)
  const read = { policy, origin, before, data, heard, texts, sizes, madeFrom, readAt }
  return { ...read, hasSessions, asksForItems }
}

/** Who trains where nobody asked. */
const ofItself: readonly string[] = ['schedule', 'drift']

const broughtReason = 'what is live was brought by somebody, and a schedule does not replace it'
const unchangedReason = 'the live release was made from the same sessions and the same policy'

/** A session of one item says nothing of what comes next. */
function usableSessions({ sessions: { sessionOffsets } }: TrainingData): number {
  let usable = 0
  for (let session = 1; session < sessionOffsets.length; session++) {
    const length = (sessionOffsets[session] as number) - (sessionOffsets[session - 1] as number)
    if (length > 1) usable++
  }
  return usable
}

function needsSessionModel(policy: Policy): boolean {
  const isNamed = Object.values(policy.placements).some(({ model }) => model === 'session-knn')
  return isNamed || askedTimes(policy).length > 0
}

function sizesOf({ sessions, catalogue, itemsLeftOut }: TrainingData) {
  return {
    sessions: sessions.sessionEndsAtMs.length,
    clicks: sessions.items.length,
    items: catalogue.length,
    itemsLeftOut,
  }
}
