import { setImmediate } from 'node:timers/promises'
import { popularityModel } from '#shared/model.ts'
import { unpackRelease } from '#shared/release.ts'
import { RequestRefused } from '#shared/request-refused.ts'
import type { StoredDecision } from '../../decisions/find-decision.ts'
import { ReplayedRelease, readInputs } from '../../decisions/replay.ts'
import type { Environment } from '../../environment.ts'
import { Turns } from '../../store/turns.ts'
import type { Estimate } from '../uplift.ts'
import { withExpectedRewards } from './expect-rewards.ts'
import {
  doublyRobustValue,
  inversePropensityValue,
  type LoggedChoice,
  loggedValue,
  type Overlap,
  overlapOf,
  refusalOf,
  selfNormalisedValue,
} from './off-policy.ts'
import type { EstimateQuestion } from './question.ts'
import { readChoices } from './read-choices.ts'

/** What a release would have brought at a placement, by decisions that were made without it. */
export interface ReleaseEstimate extends EstimateQuestion, Overlap {
  readonly release: string
  /** Decisions in which chance chose. */
  readonly explored: number
  /** The share of decisions whose first item was taken, as they were; null of none. */
  readonly logged: Estimate | null
  /** Null where the log says too little. */
  readonly estimates: ReturnType<typeof estimatesOf> | null
  /** Why there are none, as a sentence; else null. */
  readonly refusal: string | null
}

const estimatesWaitingMax = 10
/** Each takes about a millisecond; then others have their turn. */
const decisionsAtOnce = 20

/** Estimates take turns: each has the models of a release in memory. */
export function releaseEstimator({ store, blobs, now }: Environment) {
  const turns = new Turns(1, estimatesWaitingMax)
  return function estimateRelease(
    site: string,
    digest: string,
    question: EstimateQuestion,
  ): Promise<ReleaseEstimate> {
    return turns.run(async () => {
      const bytes = await blobs.get(digest)
      if (bytes === null) throw unknownRelease(digest)
      const parts = unpackRelease(new Uint8Array(bytes))
      if (parts.manifest.site !== site) throw unknownRelease(digest)
      const release = new ReplayedRelease(parts)
      try {
        release.checkNamesItemsOfSessions(question.placement)
        const choices = await readChoices(site, question, now(), store)
        const targets = []
        for (const [at, { decision }] of choices.entries()) {
          if (at % decisionsAtOnce === 0) await setImmediate()
          targets.push(await firstChoice(release, decision))
        }
        return estimated(choices, targets, { ...question, site, release: digest })
      } finally {
        await release.close()
      }
    })
  }
}

/** Also of another site's: whose it is, is nobody else's matter. */
function unknownRelease(digest: string): RequestRefused {
  const detail = `release ${digest.slice(0, 12)} is not kept here`
  return new RequestRefused(404, 'unknown_release', detail)
}

function estimated(
  choices: Awaited<ReturnType<typeof readChoices>>,
  targets: readonly (string | null)[],
  asked: EstimateQuestion & { readonly release: string },
): ReleaseEstimate {
  const logged = withExpectedRewards(
    choices.map(({ decision, propensity, reward }, at) => ({
      ...{ visitor: decision.visitor, propensity, reward },
      ...{ shown: decision.items[0] as string, target: targets[at] ?? null },
    })),
  )
  const overlap = overlapOf(logged)
  const refusal = refusalOf(overlap)
  return {
    ...{ ...asked, ...overlap, explored: choices.filter(({ explored }) => explored).length },
    logged: logged.length === 0 ? null : loggedValue(logged),
    estimates: refusal === null ? estimatesOf(logged) : null,
    refusal,
  }
}

/** The same by every estimator there is. */
export function estimatesOf(choices: readonly LoggedChoice[]) {
  return {
    inversePropensity: inversePropensityValue(choices),
    selfNormalised: selfNormalisedValue(choices),
    doublyRobust: doublyRobustValue(choices),
  }
}

/** What a release would have put first, with nothing left to chance; null where it would have shown nothing. */
async function firstChoice(
  release: ReplayedRelease,
  { decisionId: _, ...decision }: StoredDecision,
): Promise<string | null> {
  const { placement } = release.placementOf(decision.placement)
  const { session } = readInputs(decision)
  const seen = session.items ?? (decision.features.items as string[])
  const items = seen.filter((item) => release.knows(item))
  // Where nothing is known of a session, what is popular answers, as at a POP.
  const model = items.length === 0 ? popularityModel : (placement.model ?? popularityModel)
  const features = { ...decision.features, items }
  const { outcome } = await release.decide({ ...decision, features, model, fallback: null })
  return outcome.items[0]?.id ?? null
}
