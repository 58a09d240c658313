import type { ProfileValues } from '../profile.ts'
import type { Session } from '../session.ts'
import type { Totals } from '../totals.ts'
import type { Feature } from './feature.ts'

/** What is known of a visitor at a moment, for features to be read from. */
export interface FeatureFacts {
  readonly session: Session | null
  readonly totals: Totals
  /** What the store knew when the session began; null where it has not come, or is too old. */
  readonly profile?: ProfileValues | null
  /** Properties of the newest event of the question. */
  readonly event: Readonly<Record<string, unknown>>
  readonly context: Readonly<Record<string, unknown>>
  readonly time: { readonly hour: number; readonly minute: number; readonly weekday: number }
}

/**
 * The values of a model's features by their names: finite numbers, and of text the category or '' where it is
 * none of them. It is what is logged with a decision, and all that `encodeFeatures` needs.
 */
export type FeatureValues = Readonly<Record<string, number | string>>

/** The same at the POP and in training: whatever is missing or of another type is imputed here. */
export function readFeatures(features: readonly Feature[], facts: FeatureFacts): FeatureValues {
  return Object.fromEntries(
    features.map((feature) => {
      const value = valueAt(feature.from, facts)
      return [
        feature.name,
        feature.type === 'number' ? numberOf(value, feature) : textOf(value, feature),
      ]
    }),
  )
}

/** The row that a model sees: float32, finite, one value a column. */
export function encodeFeatures(
  features: readonly Feature[],
  values: FeatureValues,
): Float32Array<ArrayBuffer> {
  return Float32Array.from(
    features.flatMap((feature) => {
      const value = Object.hasOwn(values, feature.name) ? values[feature.name] : undefined
      if (feature.type === 'number') return [numberOf(value, feature)]
      return feature.categories.map((category) => (category === value ? 1 : 0))
    }),
  )
}

function valueAt(from: string, facts: FeatureFacts): unknown {
  const [root, name] = from.split('.') as [keyof FeatureFacts, string]
  if (root === 'session') return sessionValue(name, facts.session)
  const values = (facts[root] ?? {}) as Readonly<Record<string, unknown>>
  // `event.constructor` is a property of the customer's or nothing.
  return Object.hasOwn(values, name) ? values[name] : undefined
}

/** A visitor without a session has done nothing yet, which is known and not missing. */
function sessionValue(name: string, session: Session | null): unknown {
  if (session === null) return 0
  if (name === 'lengthMs') return session.lastAt - session.startedAt
  return session[name as keyof Session]
}

/** The largest float32: past it a row would hold infinity. */
const float32Max = 3.4028234663852886e38

function numberOf(value: unknown, { imputed }: Extract<Feature, { type: 'number' }>): number {
  const number = numberIn(value)
  const finite = Number.isFinite(number) ? number : imputed
  // Never -0: JSON, in which it is logged, has none.
  return Math.max(-float32Max, Math.min(float32Max, finite)) + 0
}

/** Shops send numbers as text too; a text of blanks is none. NaN for what is no number. */
export function numberIn(value: unknown): number {
  if (typeof value === 'string') return value.trim() === '' ? Number.NaN : Number(value)
  return typeof value === 'number' || typeof value === 'boolean' ? Number(value) : Number.NaN
}

function textOf(value: unknown, { categories }: Extract<Feature, { type: 'text' }>): string {
  const text = ['string', 'number', 'boolean'].includes(typeof value) ? String(value) : ''
  return categories.includes(text) ? text : ''
}
