import { slotsTotal, type TasteModel } from '#shared/time-of-day.ts'

/** How often each item was taken in each slot. */
export interface TasteCounts {
  /** Slot after slot, `itemsTotal` each. */
  readonly counts: Float64Array
  /** Of each item the number of its category. */
  readonly categories: Int32Array
}

export interface TasteSettings {
  /** How many takings a slot has of what is usual before it has any of its own. */
  readonly shrinkage: number
  readonly sessionWeight: number
  readonly candidatesMax: number
}

export const defaultTasteSettings: TasteSettings = {
  ...{ shrinkage: 100, sessionWeight: 0.6, candidatesMax: 100 },
}

/** What the hour before and the hour after tell of an hour, beside itself. */
const neighbourWeight = 0.5
/** So that an item nobody took yet, of a slot nobody knows, is unlikely and not impossible. */
const takenMin = 0.5

/**
 * Counts become shares in two steps, each shrunk to the one before: what category is taken in a slot, to what is taken at
 * all; what item, to its part of its category. Hours are smoothed over their neighbours. Same counts, same shares.
 */
export function trainTaste(
  { counts, categories }: TasteCounts,
  settings: TasteSettings,
): TasteModel {
  const itemsTotal = categories.length
  const smooth = smoothed(counts, itemsTotal)
  const overall = sharesOf(sumOfSlots(counts, itemsTotal))
  const categoriesTotal = categories.reduce((most, category) => Math.max(most, category + 1), 0)
  const usual = new Float64Array(categoriesTotal)
  for (const [item, share] of overall.entries()) add(usual, categories[item] as number, share)
  const width = itemsTotal + 1
  const shares = new Float32Array(slotsTotal * width)
  for (let slot = 0; slot < slotsTotal; slot++) {
    const own = smooth.subarray(slot * itemsTotal, (slot + 1) * itemsTotal)
    const taken = own.reduce((sum, count) => sum + count, 0)
    const ofCategory = usual.map((share) => share * settings.shrinkage)
    for (const [item, count] of own.entries()) add(ofCategory, categories[item] as number, count)
    for (const [item, count] of own.entries()) {
      const category = categories[item] as number
      const shareOfCategory = (ofCategory[category] as number) / (taken + settings.shrinkage)
      const expected = (shareOfCategory * (overall[item] as number)) / (usual[category] as number)
      shares[slot * width + item] =
        (count + settings.shrinkage * expected) / (taken + settings.shrinkage)
    }
  }
  const { sessionWeight, candidatesMax } = settings
  return { shares, overall: Float32Array.from([...overall, 1]), sessionWeight, candidatesMax }
}

/** The mean log of the share that what was taken later had been given: higher knows more. */
export function meanLogShare({ shares }: TasteModel, later: TasteCounts): number {
  const itemsTotal = later.categories.length
  let sum = 0
  let taken = 0
  for (const [at, count] of later.counts.entries()) {
    if (count === 0) continue
    const slot = Math.floor(at / itemsTotal)
    sum += count * Math.log(shares[slot * (itemsTotal + 1) + (at % itemsTotal)] as number)
    taken += count
  }
  return sum / Math.max(1, taken)
}

/** The mean of 1 / place, 0 past `length`, of what was taken later, where `rank` says what is shown in a slot. */
export function meanReciprocalRank(
  later: TasteCounts,
  rank: (slot: number) => ArrayLike<number>,
  length: number,
): number {
  const itemsTotal = later.categories.length
  let sum = 0
  let taken = 0
  for (let slot = 0; slot < slotsTotal; slot++) {
    const own = later.counts.subarray(slot * itemsTotal, (slot + 1) * itemsTotal)
    taken += own.reduce((all, count) => all + count, 0)
    const shown = rank(slot)
    for (let place = 0; place < Math.min(length, shown.length); place++) {
      sum += (own[shown[place] as number] as number) / (place + 1)
    }
  }
  return sum / Math.max(1, taken)
}

/** Hours are a circle within weekdays and within weekends. */
function smoothed(counts: Float64Array, itemsTotal: number): Float64Array {
  return Float64Array.from(counts, (count, at) => {
    const slot = Math.floor(at / itemsTotal)
    const day = slot - (slot % 24)
    const near = (hours: number) =>
      counts[(day + ((slot + hours) % 24)) * itemsTotal + (at % itemsTotal)] as number
    return (count + neighbourWeight * (near(1) + near(23))) / (1 + 2 * neighbourWeight)
  })
}

function sumOfSlots(counts: Float64Array, itemsTotal: number): Float64Array {
  const sums = new Float64Array(itemsTotal).fill(takenMin)
  for (const [at, count] of counts.entries()) add(sums, at % itemsTotal, count)
  return sums
}

function sharesOf(counts: Float64Array): Float64Array {
  const total = counts.reduce((sum, count) => sum + count, 0)
  return counts.map((count) => count / total)
}

function add(sums: Float64Array, at: number, amount: number): void {
  sums[at] = (sums[at] as number) + amount
}
