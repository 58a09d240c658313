import { type Random, seededRandom } from '#hub/synthetic/random.ts'

/** What the monitor of a bed says in one minute; null where a sensor gave nothing. */
export interface Reading {
  readonly minute: number
  readonly heartRate: number | null
  readonly breaths: number | null
  readonly oxygen: number | null
  readonly isIll: boolean
}

export interface Bed {
  readonly name: string
  readonly readings: readonly Reading[]
  /** First and last minute in which the patient got worse; null where nothing happened. */
  readonly episode: { readonly from: number; readonly to: number } | null
}

export interface WardSettings {
  readonly seed: number
  readonly name: string
  readonly beds: number
  readonly minutes: number
}

const episodeMinutes = 60
const rampMinutes = 30
/** A patient is called ill only when it can be seen. */
const visibleFromMinutes = 8
const illShare = 0.6
const missingShare = 0.05
/** A loose electrode, a cold finger: one sensor reads nonsense for a minute. */
const artefactShare = 0.03

/** Heart rate, breaths and oxygen of a ward; in an episode all three drift, while an artefact is of one sensor alone. */
export function simulateWard({ seed, name, beds, minutes }: WardSettings): Bed[] {
  const random = seededRandom(seed)
  return Array.from({ length: beds }, (_, number) => {
    const from = random.integer(60, minutes - episodeMinutes - 10)
    const episode = random.chance(illShare) ? { from, to: from + episodeMinutes } : null
    const usual = {
      heartRate: 75 + 8 * random.normal(),
      breaths: 15 + 1.5 * random.normal(),
      oxygen: 97 + 0.6 * random.normal(),
    }
    let drift = 0
    const readings = Array.from({ length: minutes }, (_, minute): Reading => {
      drift = 0.9 * drift + random.normal()
      const since = episode === null ? -1 : minute - episode.from
      const depth = depthAt(since)
      return {
        minute,
        heartRate: sensed(usual.heartRate + 1.5 * drift + 38 * depth, [0, 190], random),
        breaths: sensed(usual.breaths + 0.5 * drift + 10 * depth, [0, 45], random),
        oxygen: sensed(Math.min(100, usual.oxygen - 0.2 * drift - 8 * depth), [65, 75], random),
        isIll: since >= visibleFromMinutes && since <= episodeMinutes,
      }
    })
    return { name: `${name}-${number + 1}`, readings, episode }
  })
}

/** How far the patient has got worse, 0 to 1: slowly, then held, then treated. */
function depthAt(since: number): number {
  if (since < 0 || since > episodeMinutes) return 0
  const treatedFrom = episodeMinutes - 10
  return since < treatedFrom ? Math.min(1, since / rampMinutes) : (episodeMinutes - since) / 10
}

function sensed(value: number, nonsense: readonly number[], random: Random): number | null {
  if (random.chance(missingShare)) return null
  const read = random.chance(artefactShare) ? random.pick(nonsense) : value + random.normal()
  return Math.round(read)
}
