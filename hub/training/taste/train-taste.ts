import { buildTasteModel } from '#models/time-of-day/graph.ts'
import {
  defaultTasteSettings,
  meanLogShare,
  meanReciprocalRank,
  type TasteCounts,
  type TasteSettings,
  trainTaste,
} from '#models/time-of-day/train.ts'
import { scoreTaste } from '#shared/time-of-day.ts'
import type { CountedTastes } from './count-tastes.ts'

const length = 20
/** Fewer takings than this to judge by say nothing. */
const judgedMin = 200
const shrinkages = [30, 100, 300, 1_000, 3_000] as const
/** So strong that an hour is as all hours together. */
const hourless: TasteSettings = { ...defaultTasteSettings, shrinkage: 1e12 }
const nobody = { items: Int32Array.of(), scores: Float32Array.of() }

/** A model, and how the hour by itself did on what was taken later. */
export interface TrainedTaste {
  readonly bytes: Uint8Array
  readonly itemsTotal: number
  readonly candidatesMax: number
  readonly figures: {
    readonly judged: number
    readonly mrr20: number
    readonly popularityMrr20: number
    readonly shrinkage: number
  }
}

/**
 * Chooses the shrinkage by what was taken later, and builds the model of both parts. Where there is too little to judge by, or
 * the hour tells no more than what is taken most, the model is of what is taken most, at every hour. Same counts, same
 * bytes.
 */
export function trainTasteModel({ older, newer }: CountedTastes): TrainedTaste {
  const judged = newer.counts.reduce((sum, count) => sum + count, 0)
  const chosen = bestSettings(older, newer)
  const [mrr20, popularityMrr20] = [chosen, hourless].map((settings) => {
    const taste = { ...trainTaste(older, settings), sessionWeight: 0 }
    return meanReciprocalRank(newer, (slot) => scoreTaste(taste, slot, nobody).items, length)
  }) as [number, number]
  const isTold = judged >= judgedMin && mrr20 > popularityMrr20
  const settings = isTold ? chosen : hourless
  const { shrinkage, candidatesMax } = settings
  return {
    bytes: buildTasteModel(trainTaste(together(older, newer), settings)),
    ...{ itemsTotal: older.categories.length, candidatesMax },
    figures: { judged, mrr20, popularityMrr20, shrinkage },
  }
}

function bestSettings(older: TasteCounts, newer: TasteCounts): TasteSettings {
  const tried = shrinkages.map((shrinkage) => {
    const settings = { ...defaultTasteSettings, shrinkage }
    return { settings, knows: meanLogShare(trainTaste(older, settings), newer) }
  })
  return tried.reduce((best, each) => (each.knows > best.knows ? each : best)).settings
}

function together(one: TasteCounts, other: TasteCounts): TasteCounts {
  return {
    categories: one.categories,
    counts: one.counts.map((count, at) => count + (other.counts[at] as number)),
  }
}
