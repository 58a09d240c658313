import type { Examples } from '#models/tabular/examples.ts'
import { columnsOf, type Feature } from '#shared/tabular/feature.ts'
import { encodeFeatures, readFeatures } from '#shared/tabular/read-features.ts'
import { totalsAt } from '#shared/totals.ts'

const number = (name: string): Feature => ({
  ...{ name, from: `event.${name}`, type: 'number', imputed: 0 },
})
export const features: readonly Feature[] = [
  ...['accountAgeDays', 'numItems', 'localTime', 'paymentMethodAgeDays'].map(number),
  {
    ...{ name: 'paymentMethod', from: 'event.paymentMethod', type: 'text' },
    categories: ['creditcard', 'paypal', 'storecredit'],
  },
]

/** Every fraud has an account of exactly one day, and a method of payment cannot be older than that. */
export const leaking = ['accountAgeDays', 'paymentMethodAgeDays'] as const

export function featuresWithout(names: readonly string[]): Feature[] {
  return features.filter(({ name }) => !names.includes(name))
}

/** A payment of which it is known what came of it. */
export interface Labelled {
  readonly properties: Readonly<Record<string, unknown>>
  readonly isFraud: boolean
}

/** The rows that the POP would make of these payments. */
export function examplesOf(payments: readonly Labelled[], of: readonly Feature[]): Examples {
  const facts = {
    ...{ session: null, totals: totalsAt(null, 0), context: {} },
    time: { hour: 0, minute: 0, weekday: 1 },
  }
  const columns = columnsOf(of).length
  const rows = new Float32Array(payments.length * columns)
  for (const [at, { properties: event }] of payments.entries()) {
    rows.set(encodeFeatures(of, readFeatures(of, { ...facts, event })), at * columns)
  }
  return { columns, rows, labels: Uint8Array.from(payments, ({ isFraud }) => (isFraud ? 1 : 0)) }
}
