import type { Fallback } from '#shared/contract.ts'
import type { ScoredItem } from '#shared/decide.ts'
import { type Features, featurise } from '#shared/features.ts'
import { limits } from '#shared/limits.ts'
import { type CompiledPlacement, compilePolicy } from '#shared/policy/compile.ts'
import { defaultPolicy, type Placement } from '#shared/policy.ts'
import { RequestRefused } from '#shared/request-refused.ts'
import type { Session } from '#shared/session.ts'
import type { LivePopularity } from './live-popularity.ts'
import type { LoadedRelease } from './releases/load.ts'

/** What a decision is made from: one release's model, policy and popularity, never two. */
export interface Inferred {
  readonly features: Features
  readonly candidates: readonly ScoredItem[]
  readonly popular: readonly ScoredItem[]
  readonly model: Placement['model']
  readonly fallback: Fallback | null
  /** How long the model took, ms; 0 where it was not asked, or where the platform stops its clock. */
  readonly inferenceMs: number
}

/** What answers before the first release. */
export const policyWithoutRelease = compilePolicy(defaultPolicy, [])

/** Which placement answers. Throws RequestRefused where the site has none of this name. */
export function placementOf(name: string, release: LoadedRelease | null): CompiledPlacement {
  const { placements } = release?.policy ?? policyWithoutRelease
  const placement = placements.get(name)
  if (placement) return placement
  const known = [...placements.keys()].join(', ')
  throw new RequestRefused(404, 'unknown_placement', `the placements here are ${known}`)
}

/** Scores a session by the release, down to popularity where the model has nothing to say. */
export async function infer(
  session: Session | null,
  { placement }: CompiledPlacement,
  release: LoadedRelease | null,
  ports: {
    readonly now: number
    readonly stopwatch: () => number
    readonly site: string
    readonly popularity: LivePopularity
  },
): Promise<Inferred> {
  const isKnown = (item: string) => release?.numberOf(item) !== undefined
  const itemsMax = release?.itemsMax ?? limits.sessionItemsMax
  const features = featurise(session, isKnown, ports.now, itemsMax)
  const popular = release?.popularity ?? ports.popularity.top(ports.site, limits.decisionItemsMax)
  const byPopularity = {
    ...{ features, candidates: [], popular, inferenceMs: 0 },
    model: 'popularity',
  } as const
  if (release === null) return { ...byPopularity, fallback: 'no_release' }
  if (placement.model === 'popularity') return { ...byPopularity, fallback: null }
  if (features.items.length === 0) return { ...byPopularity, fallback: 'unknown_visitor' }
  const numbers = features.items.map((item) => release.numberOf(item) as number)
  const startedAt = ports.stopwatch()
  const { candidates, fallback } = await release.score(Int32Array.from(numbers))
  const inferenceMs = ports.stopwatch() - startedAt
  const model = fallback === 'model_failed' ? 'popularity' : placement.model
  return { features, candidates, popular, model, fallback, inferenceMs }
}
