import { type Sequence, standardErrorsWide } from './confidence-sequence.ts'
import type { Moments } from './moments.ts'

export interface Estimate {
  readonly value: number
  readonly low: number
  readonly high: number
}

/** A variant beside the control: in the unit of the outcome, and as a share of the control's mean. */
export interface Uplift {
  readonly difference: Estimate
  /** Null where the control's mean is not above 0. */
  readonly relative: Estimate | null
  /** Whether the difference is not 0, by an interval that holds at every look. */
  readonly proven: boolean
}

/** What the intervals lean on, the central limit theorem, says nothing of fewer. */
export const visitorsMin = 100

/**
 * What a variant changes, with intervals that stay valid when looked at daily; null while there are too few
 * visitors, or none of them differs from another.
 */
export function upliftOf(variant: Moments, control: Moments, sequence: Sequence): Uplift | null {
  if (Math.min(variant.visitors, control.visitors) < visitorsMin) return null
  const ofVariant = variant.variance / variant.visitors
  const ofControl = control.variance / control.visitors
  if (!(ofVariant + ofControl > 0)) return null
  const wide = standardErrorsWide(variant.visitors + control.visitors, sequence)
  const difference = around(variant.mean - control.mean, wide * Math.sqrt(ofVariant + ofControl))
  const ratio = variant.mean / control.mean
  // The delta method: a quotient of means is as wide as its linear part.
  const ratioError = Math.sqrt(ofVariant + ratio ** 2 * ofControl) / control.mean
  return {
    difference,
    relative: control.mean > 0 ? around(ratio - 1, wide * ratioError) : null,
    proven: difference.low > 0 || difference.high < 0,
  }
}

function around(value: number, width: number): Estimate {
  return { value, low: value - width, high: value + width }
}
