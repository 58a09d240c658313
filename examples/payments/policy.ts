import { leaking } from './features.ts'
import { thresholds } from './worth.ts'

/** Models by the columns they may not see. */
export const models = {
  fraud: [leaking[0]],
  'fraud-rest': leaking,
  'fraud-all': [],
} as const
export type ModelName = keyof typeof models

const event = `
    on: [Payment Submitted]
    event: { accountAgeDays: double, numItems: double, localTime: double, paymentMethodAgeDays: double }`

const byModel = (model: ModelName) => `
  by-${model}:
    kind: verdict
    model: ${model}${event}
    thresholds: { review: ${thresholds.review}, block: ${thresholds.block} }`

/**
 * A placement for each of these models and two of rules alone. Each payment is decided on by all of them; a shop would
 * have the first.
 */
export function policyOf(names: readonly ModelName[]): string {
  return `
placements:${names.map(byModel).join('')}
  by-rules:
    kind: verdict${event}
    rules:
      - { name: new-method, verdict: review, reason: a method of minutes, when: event.paymentMethodAgeDays < 0.003 && (event.numItems >= 2.0 || event.localTime < 4.0) }
      - { name: many, verdict: block, reason: many items by a new method, when: event.paymentMethodAgeDays < 0.003 && event.numItems >= 5.0 }
  by-account-age:
    kind: verdict${event}
    rules:
      - { name: new-account, verdict: block, reason: an account of a day, when: event.accountAgeDays <= 1.0 }
`
}
