import { at, type Random, seededRandom, weightedDraw } from '#hub/synthetic/random.ts'
import { timeIn } from '#shared/policy/time.ts'

export const categories = ['news', 'music', 'talk', 'kids', 'sport', 'film', 'series'] as const
export type Category = (typeof categories)[number]

const itemsPerCategory = 40
const hourMs = 3_600_000
export const zones = [
  ...['Europe/Berlin', 'America/New_York', 'America/Sao_Paulo', 'Asia/Kolkata', 'Asia/Tokyo'],
  'Australia/Sydney',
]

/** How much of a category is taken at an hour: a floor, and hills of a middle, a width in hours and a height. */
type Hill = readonly [middle: number, width: number, height: number]
const tastes: Readonly<Record<Category, { weekday: readonly Hill[]; weekend: readonly Hill[] }>> = {
  news: {
    weekday: [
      [7, 1.5, 9],
      [18, 1, 4],
    ],
    weekend: [[10, 2, 3]],
  },
  music: {
    weekday: [
      [9, 2, 3],
      [16, 3, 4],
    ],
    weekend: [
      [14, 4, 3],
      [1, 2, 4],
    ],
  },
  talk: {
    weekday: [
      [12, 2, 5],
      [23, 1.5, 3],
    ],
    weekend: [[11, 2, 3]],
  },
  kids: {
    weekday: [[16, 1, 3]],
    weekend: [
      [8, 2, 9],
      [15, 2, 3],
    ],
  },
  sport: {
    weekday: [[20, 1, 2]],
    weekend: [
      [16, 2, 7],
      [20, 1.5, 3],
    ],
  },
  film: { weekday: [[21, 1.5, 3]], weekend: [[21, 2, 8]] },
  series: {
    weekday: [
      [21, 2, 9],
      [13, 1, 2],
    ],
    weekend: [[22, 2, 4]],
  },
}
const floor = 0.4

/** When people listen and watch at all. */
const activity: readonly Hill[] = [
  [7.5, 1.5, 3],
  [13, 2, 2],
  [21, 2.5, 5],
]

/** One visit: whose, when by which clock, and what was played one after the other. */
export interface Visit {
  readonly visitor: string
  readonly zone: string
  readonly atMs: number
  readonly hour: number
  readonly weekday: number
  readonly plays: readonly string[]
}

export function categoryOf(item: string): Category {
  return item.slice(0, item.indexOf('-')) as Category
}

/** How likely each category is at a local hour: the truth. */
export function tasteAt(hour: number, weekday: number): readonly number[] {
  const day = weekday >= 6 ? 'weekend' : 'weekday'
  return categories.map((category) => floor + hills(tastes[category][day], hour))
}

interface Listener {
  readonly name: string
  readonly zone: string
  readonly likes: readonly number[]
  readonly favourites: readonly (readonly string[])[]
}

/** Visits of some days in the order of their time; the same seed makes the same. */
export function visits(seed: number, startAtMs: number, days: number, listeners: number): Visit[] {
  const random = seededRandom(seed)
  const all: Visit[] = []
  for (let number = 0; number < listeners; number++) {
    const listener = listenerOf(number, random)
    for (let day = 0; day < days; day++) {
      if (random.chance(0.55)) all.push(visitOf(listener, startAtMs + day * 24 * hourMs, random))
    }
  }
  return all.sort((one, other) => one.atMs - other.atMs)
}

function listenerOf(number: number, random: Random): Listener {
  return {
    ...{ name: `listener-${number}`, zone: random.pick(zones) },
    likes: categories.map(() => random.logNormal(1, 0.7)),
    favourites: categories.map((category) => [
      itemOf(category, drawItem(random)),
      itemOf(category, drawItem(random)),
    ]),
  }
}

const dayHours = Array.from({ length: 24 }, (_, hour) => hour)
const drawHour = weightedDraw(dayHours.map((hour) => 0.3 + hills(activity, hour)))
const drawItem = weightedDraw(Array.from({ length: itemsPerCategory }, (_, rank) => 1 / (rank + 2)))
const itemOf = (category: Category, rank: number) => `${category}-${rank}`

function visitOf(listener: Listener, dayAtMs: number, random: Random): Visit {
  const wanted = drawHour(random)
  const minute = random.integer(0, 59) * 60_000
  // The hour that is wanted is of the clock on the wall: the day is searched for it.
  const atMs =
    dayHours
      .map((hour) => dayAtMs + hour * hourMs + minute)
      .find((moment) => Number(timeIn(listener.zone, moment).hour) === wanted) ?? dayAtMs
  const time = timeIn(listener.zone, atMs)
  const [hour, weekday] = [Number(time.hour), Number(time.weekday)]
  const taste = tasteAt(hour, weekday)
  const drawCategory = weightedDraw(taste.map((weight, of) => weight * at(listener.likes, of)))
  const plays: string[] = []
  let category = drawCategory(random)
  for (let left = 1 + random.geometric(2.5); left > 0; left--) {
    if (random.chance(0.45)) category = drawCategory(random)
    const favourite = random.chance(0.4)
    const item = favourite
      ? random.pick(at(listener.favourites, category))
      : itemOf(at(categories, category), drawItem(random))
    // A session has an item once in a row.
    if (item !== plays.at(-1)) plays.push(item)
  }
  return { visitor: listener.name, zone: listener.zone, atMs, hour, weekday, plays }
}

/** Hours are a circle. */
function hills(all: readonly Hill[], hour: number): number {
  return all.reduce((sum, [middle, width, height]) => {
    const apart = Math.abs(hour - middle)
    const away = Math.min(apart, 24 - apart)
    return sum + height * Math.exp(-((away / width) ** 2) / 2)
  }, 0)
}
