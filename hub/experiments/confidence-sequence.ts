/** How sure, and where the sequence is to be narrowest; both are chosen before the first look. */
export interface Sequence {
  /** How often the truth may be left out, over all looks together. */
  readonly alpha: number
  readonly visitorsPlanned: number
}

/**
 * How many standard errors wide an estimate from `visitors` is to each side, so that the truth lies inside at
 * every look, however many there are and whenever one stops.
 *
 * The asymptotic confidence sequence of Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas, "Time-uniform central
 * limit theory and asymptotic confidence sequences" (Annals of Statistics 52, 2024), section 2: Robbins's normal
 * mixture (1970) for means that are not normal. It is narrowest at about `visitorsPlanned`, and there one and a
 * half times as wide as an interval for a single look.
 */
export function standardErrorsWide(visitors: number, sequence: Sequence): number {
  const { alpha, visitorsPlanned } = sequence
  const twice = -2 * Math.log(alpha)
  const mixed = (visitors * (twice + Math.log(twice + 1))) / visitorsPlanned
  return Math.sqrt((1 + 1 / mixed) * (Math.log(mixed + 1) + twice))
}
