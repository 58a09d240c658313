import { featuresWithout, leaking } from './features.ts'
import { thresholds } from './worth.ts'

/** Models by the columns they may not see. */
const withouts = {
  fraud: [leaking[0]],
  'fraud-rest': leaking,
  'fraud-all': [],
} as const
type ModelName = keyof typeof withouts
const names = Object.keys(withouts) as ModelName[]

/** What the hub is to learn: what is said of a payment later, under the same number. */
const learning = (name: ModelName) => `
  ${name}:
    learns: label
    after: [Payment Submitted]
    joinedBy: payment_id
    said: { event: Payment Judged, property: fraud }
    features: ${JSON.stringify(featuresWithout(withouts[name]))}`

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
export const policy = `
models:${names.map(learning).join('')}
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
