/** One look: how many standard errors wide the interval is, and one over the variance of the estimate. */
export interface Look {
  readonly standardErrorsWide: number
  readonly information: number
}

const gridPoints = 801

/**
 * How likely an estimate of a true `effect` leaves its intervals at one of the looks: what power and false
 * positives have to be, before anything is drawn.
 *
 * The score, estimate times information, walks in independent normal steps; the density of the walks that are
 * still inside is carried from look to look (Armitage, McPherson and Rowe, "Repeated significance tests on
 * accumulating data", JRSS A 132, 1969).
 */
export function crossingProbability(looks: readonly Look[], effect: number): number {
  let inside: Density = { scores: [0], masses: [1] }
  let informationBefore = 0
  for (const { standardErrorsWide, information } of looks) {
    const limit = standardErrorsWide * Math.sqrt(information)
    inside = stepped(inside, limit, effect, information - informationBefore)
    informationBefore = information
  }
  return 1 - inside.masses.reduce((sum, mass) => sum + mass, 0)
}

/** Walks by where they are; the masses sum to how many of them are left. */
interface Density {
  readonly scores: readonly number[]
  readonly masses: readonly number[]
}

function stepped(before: Density, limit: number, effect: number, information: number): Density {
  const width = (2 * limit) / (gridPoints - 1)
  const scores = Array.from({ length: gridPoints }, (_, at) => -limit + at * width)
  const scale = 1 / Math.sqrt(2 * Math.PI * information)
  const masses = scores.map((score, at) => {
    let density = 0
    for (let from = 0; from < before.scores.length; from++) {
      const step = score - (before.scores[from] as number) - effect * information
      const mass = before.masses[from] as number
      density += mass * scale * Math.exp(-(step * step) / (2 * information))
    }
    // The trapezoidal rule: the two ends count half.
    const isEnd = at === 0 || at === gridPoints - 1
    return density * width * (isEnd ? 0.5 : 1)
  })
  return { scores, masses }
}
