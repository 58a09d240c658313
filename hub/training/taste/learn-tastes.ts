import { askedTimes } from '#models/time-of-day/asked.ts'
import type { TimeOfDayModel } from '#shared/model.ts'
import type { ItemFacts, Policy } from '#shared/policy.ts'
import type { Store } from '../../store/store.ts'
import { countTastes } from './count-tastes.ts'
import { trainTasteModel } from './train-taste.ts'

/** Models of the time of day by the names that placements call them; none where no placement does. */
export interface LearnedTastes {
  readonly declared: Readonly<Record<string, TimeOfDayModel>>
  readonly bytes: Readonly<Record<string, Uint8Array>>
  readonly figures: Readonly<Record<string, number>>
}

/** Counts in the store what is taken when, and makes of it every model of the time of day that a policy names. */
export async function learnTastes(
  site: string,
  policy: Policy,
  catalogue: readonly ItemFacts[],
  store: Store,
): Promise<LearnedTastes> {
  const asked = askedTimes(policy)
  if (asked.length === 0) return { declared: {}, bytes: {}, figures: {} }
  const counted = await countTastes(store, site, catalogue, policy.timeZone)
  const { bytes, itemsTotal, candidatesMax, figures } = trainTasteModel(counted)
  const declared = asked.map(([name, features]): [string, TimeOfDayModel] => [
    name,
    {
      ...{ family: 'time-of-day', inputs: ['slot', 'candidates', 'weights'] },
      ...{ outputs: ['items', 'scores'], features, beside: 'session-knn' },
      ...{ candidatesMax, itemsTotal },
    },
  ])
  return {
    declared: Object.fromEntries(declared),
    bytes: Object.fromEntries(asked.map(([name]) => [name, bytes])),
    figures: {
      ...{ tasteJudged: figures.judged, tasteMrr20: figures.mrr20 },
      ...{ tastePopularityMrr20: figures.popularityMrr20, tasteShrinkage: figures.shrinkage },
    },
  }
}
