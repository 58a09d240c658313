import type { TimeOfDayModel } from '#shared/model.ts'
import type { Policy } from '#shared/policy.ts'

/** Where each of them reads its time: from the clock on the visitor's wall, or from what the question tells. */
const times = {
  'time-of-day': { hour: 'time.hour', weekday: 'time.weekday' },
  'time-of-day-asked': { hour: 'context.hour', weekday: 'context.weekday' },
} as const

/** Features of the models of the time of day that placements of a policy name, by those names. */
export function askedTimes({
  placements,
}: Pick<Policy, 'placements'>): [name: string, features: TimeOfDayModel['features']][] {
  const named = new Set(Object.values(placements).map(({ model }) => model))
  return Object.entries(times)
    .filter(([name]) => named.has(name))
    .map(([name, { hour, weekday }]) => [
      name,
      [
        { name: 'hour', from: hour, type: 'number', imputed: 12 },
        { name: 'weekday', from: weekday, type: 'number', imputed: 1 },
      ],
    ])
}
