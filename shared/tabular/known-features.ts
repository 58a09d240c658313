import { profileFields } from '../profile.ts'
import { type TotalName, totalMeasures, totalWindows } from '../totals.ts'

const measured: Readonly<Record<(typeof totalMeasures)[number], string>> = {
  events: 'events',
  views: 'products viewed',
  carts: 'products added to the cart',
  purchases: 'orders',
  spend: 'what was spent',
  sessions: 'sessions that began',
  sessionMs: 'how long sessions that began lasted so far, ms,',
}

const ofTotals = Object.fromEntries(
  Object.keys(totalWindows).flatMap((window) =>
    totalMeasures.map((measure) => [
      `${measure}${window}`,
      `${measured[measure]} in the last ${window}`,
    ]),
  ),
) as Record<TotalName, string>

const ofProfile = Object.fromEntries(
  Object.entries(profileFields).map(([name, { what }]) => [name, what]),
) as Record<keyof typeof profileFields, string>

/**
 * Every feature that a model may read of a visitor and of a moment, and what it is; of `event` and `context` it may read
 * whatever property they hold. What a person is shown, what a declaration is checked by, and nothing else.
 */
export const knownFeatures = {
  session: {
    events: 'events in the session',
    views: 'products viewed in the session',
    carts: 'products added to the cart in the session',
    purchases: 'orders in the session',
    spend: 'what was spent in the session',
    lengthMs: 'how long the session lasts, ms',
  },
  totals: ofTotals,
  profile: ofProfile,
  time: {
    hour: 'hour of the day where the visitor is, 0 to 23',
    minute: 'minute of the hour, 0 to 59',
    weekday: '1 is Monday, 7 is Sunday',
  },
} as const
