import { RunningMoments } from '#hub/experiments/moments.ts'
import { type Uplift, upliftOf } from '#hub/experiments/uplift.ts'
import type { Visit } from './visit.ts'

/** What the store has of a shopper in the experiment. */
export interface Entered {
  readonly variant: string
  /** Of orders, 0 where there is none. */
  readonly orders: number
}

export interface Group {
  readonly shoppers: number
  /** Offers of an aisle that the shopper looked at in the app. */
  readonly matchShare: number
  readonly redeemedShare: number
}

export function groupOf(visits: readonly Visit[]): Group {
  const share = (holds: (visit: Visit) => boolean) =>
    visits.length === 0 ? 0 : visits.filter(holds).length / visits.length
  return {
    shoppers: visits.length,
    matchShare: share(({ shopper, offered }) =>
      shopper.inApp.some(({ aisle }) => aisle === offered.aisle),
    ),
    redeemedShare: share(({ redeemed }) => redeemed),
  }
}

/** Who got what, by what the answers say of themselves. */
export function groupsOf(visits: readonly Visit[]) {
  const isSame = ({ fallback }: Visit) => fallback === 'holdout'
  const others = visits.filter((visit) => !isSame(visit))
  return {
    personal: groupOf(others.filter(({ shopper }) => shopper.identifies)),
    strangers: groupOf(others.filter(({ shopper }) => !shopper.identifies)),
    same: groupOf(visits.filter(isSame)),
  }
}

/** What the personal offer brings by the estimators of the hub's reports; null while there are too few shoppers. */
export function upliftIn(entered: readonly Entered[], visitorsPlanned: number): Uplift | null {
  const [personal, same] = ['personal', 'same'].map((variant) => {
    const moments = new RunningMoments()
    for (const each of entered) {
      if (each.variant === variant) moments.add(each.orders > 0 ? 1 : 0, 0)
    }
    return moments.moments()
  })
  return personal && same ? upliftOf(personal, same, { alpha: 0.05, visitorsPlanned }) : null
}
