import type { ScoredItem } from '#shared/decide.ts'
import type { ItemFacts } from '#shared/policy.ts'
import type { Manifest, ReleaseParts } from '#shared/release.ts'
import type { TrainingData } from './read-sessions.ts'
import type { LearnedTastes } from './taste/learn-tastes.ts'
import { popularityOf, type TrainedModel } from './train-model.ts'

/** The models of a release that name items, and the catalogue whose order is their numbers: they go together. */
export interface Recommending {
  readonly declared: Manifest['models']
  readonly bytes: Readonly<Record<string, Uint8Array>>
  readonly catalogue: readonly ItemFacts[]
  /** Best first. */
  readonly popularity: readonly ScoredItem[]
}

/** As it was trained; without sessions nothing is popular. */
export function recommendingOf(
  { catalogue, sessions }: TrainingData,
  hasSessions: boolean,
  trained: TrainedModel | null,
  tastes: LearnedTastes,
): Recommending {
  const popular = hasSessions ? popularityOf(sessions) : { items: [], scores: [] }
  return {
    declared: { ...tastes.declared, ...(trained && declaredAs(trained)) },
    bytes: { ...tastes.bytes, ...(trained && { 'session-knn': trained.model }) },
    catalogue,
    popularity: Array.from(popular.items, (number, index) => ({
      id: (catalogue[number] as ItemFacts).id,
      score: popular.scores[index] as number,
    })),
  }
}

const families: readonly string[] = ['session-knn', 'sequence', 'time-of-day']

/** As it is live. */
export function recommendingNow({
  manifest,
  models,
  catalogue,
  popularity,
}: ReleaseParts): Recommending {
  const named = Object.entries(manifest.models).filter(([, { family }]) =>
    families.includes(family),
  )
  const bytes = named.map(([name]) => [name, models[name] as Uint8Array] as const)
  return {
    declared: Object.fromEntries(named),
    bytes: Object.fromEntries(bytes),
    ...{ catalogue: catalogue.items, popularity },
  }
}

function declaredAs({ itemsMax }: TrainedModel): Manifest['models'] {
  return {
    'session-knn': {
      ...{ family: 'session-knn', inputs: ['session'], outputs: ['items', 'scores'], itemsMax },
    },
  }
}
