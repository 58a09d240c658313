import { clusteredInterval } from '#hub/evaluation/clustered-interval.ts'

/** Whether the item that was viewed next was in what was shown, and whose session it was. */
export interface Shown {
  readonly visitor: string
  readonly isHit: boolean
}

export type Ways = Readonly<Record<'model' | 'mostViewed', readonly Shown[]>>

/** Shares of hits with 95 % bootstrap intervals over visitors, whose views are not independent. */
export function hitRates(shown: Ways) {
  const of = (name: keyof Ways) =>
    clusteredInterval(
      shown[name].map(({ isHit }) => Number(isHit)),
      shown[name].map(({ visitor }) => visitor),
    )
  const [model, mostViewed] = [of('model'), of('mostViewed')]
  return {
    predictions: shown.model.length,
    ...{ modelHitRate10: model.mean, modelHitRate10Low: model.low, modelHitRate10High: model.high },
    ...{ mostViewedHitRate10: mostViewed.mean, mostViewedHitRate10Low: mostViewed.low },
    mostViewedHitRate10High: mostViewed.high,
  }
}
