import { buildModel } from '#models/session-knn/graph.ts'
import { buildIndex, type TrainingSessions } from '#models/session-knn/train.ts'
import type { ItemsPlacement } from '#shared/kinds/items.ts'
import type { TabularModel } from '#shared/model.ts'
import type { ReleaseParts } from '#shared/release.ts'
import type { SessionKnnIndex, SessionKnnSettings } from '#shared/session-knn.ts'

const hourMs = 3_600_000

/** Of the tests alone: tuning the defaults must not move what is golden. */
const settings: SessionKnnSettings = {
  sessionItemsMax: 5,
  sampleSessionsMax: 500,
  neighboursMax: 100,
  candidatesMax: 10,
  windowDecayItems: 1.5,
  matchDecayItems: 10,
  neighbourDecaySteps: 1,
  sessionHalfLifeDays: 30,
  windowIdfExponent: 1,
  candidateIdfExponent: 1,
  ruleWeight: 1,
  ruleStepsMax: 5,
  ruleDistanceExponent: 1.5,
  ruleHalfLifeDays: 30,
  ruleBackwardWeight: 0.5,
  ruleHopWeight: 0,
  rulesPerItemMax: 50,
  ruleItemsMax: 4,
  ruleDiscount: 0.5,
  seenBoost: 1.5,
  currentBoost: 1.5,
  sessionsShare: 0.6,
  modelBytesMax: 1_000_000,
}

/** What a release of a test is made from: sessions of item numbers, oldest first, one an hour. */
export interface SmallRelease {
  readonly site?: string
  /** Prefix of every item's id, so that a mixture of two releases would be seen. */
  readonly prefix?: string
  readonly sessions: readonly (readonly number[])[]
  readonly itemsTotal: number
  readonly placement?: Partial<ItemsPlacement>
}

export function itemId(number: number, prefix = 'item-'): string {
  return `${prefix}${number}`
}

export function smallIndex({ sessions, itemsTotal }: SmallRelease): SessionKnnIndex {
  return buildIndex(laidFlat(sessions, itemsTotal), settings)
}

/** A whole release with a real model; popularity is the items in the order of their numbers. */
export function smallRelease(small: SmallRelease): ReleaseParts {
  const { site = 'demo', prefix, itemsTotal, placement = {} } = small
  const index = smallIndex(small)
  const ids = Array.from({ length: itemsTotal }, (_, number) => itemId(number, prefix))
  return {
    manifest: {
      format: 3,
      site,
      createdAt: '2026-01-05T12:00:00Z',
      models: {
        'session-knn': {
          family: 'session-knn',
          inputs: ['session'],
          outputs: ['items', 'scores'],
          itemsMax: index.settings.sessionItemsMax,
        },
      },
      training: { sessions: small.sessions.length },
    },
    policy: {
      ...{ context: {}, timeZone: 'UTC', experiments: {} },
      placements: {
        'product-page': {
          kind: 'items',
          model: 'session-knn',
          itemsMax: 10,
          rules: [
            { name: 'not-current', effect: 'filter', keep: 'item.id != session.current' },
            { name: 'available', effect: 'filter', keep: '!has(item.available) || item.available' },
          ],
          ...placement,
        },
      },
    },
    catalogue: { items: ids.map((id) => ({ id })) },
    popularity: ids.map((id, number) => ({ id, score: 1 / (number + 1) })),
    models: { 'session-knn': buildModel(index) },
  }
}

/** What a manifest says of a tabular model whose features are numbers, imputed with 0. */
export function tabularModel(
  features: readonly { readonly name: string; readonly from: string }[],
): TabularModel {
  return {
    ...{ family: 'tabular', inputs: ['features'], outputs: ['score'], scoreAt: 0 },
    features: features.map((each) => ({ ...each, type: 'number', imputed: 0 })),
  }
}

function laidFlat(sessions: SmallRelease['sessions'], itemsTotal: number): TrainingSessions {
  let clicks = 0
  const ends = sessions.map((items) => {
    clicks += items.length
    return clicks
  })
  return {
    itemsTotal,
    items: Int32Array.from(sessions.flat()),
    sessionOffsets: Int32Array.of(0, ...ends),
    sessionEndsAtMs: Float64Array.from(sessions, (_, at) => at * hourMs),
  }
}
