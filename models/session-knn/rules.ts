import { highestEntries } from '#shared/highest-entries.ts'
import type { Numbers, SessionKnnSettings } from '#shared/session-knn.ts'
import { offsetsOf } from './postings.ts'
import {
  bytesPerNumber,
  numbersFor,
  recencyWeights,
  sessionsTotal,
  type TrainingSessions,
} from './training-sessions.ts'

/** For each item the items seen near it, strongest first, with their share of the row in 65,535ths. */
export interface Rules {
  ruleOffsets: Int32Array
  ruleItems: Numbers
  ruleShares: Uint16Array
}

/** The settings that rules are counted by; all others leave them as they are. */
export type RuleSettings = Pick<
  SessionKnnSettings,
  | 'ruleStepsMax'
  | 'ruleDistanceExponent'
  | 'ruleHalfLifeDays'
  | 'ruleBackwardWeight'
  | 'ruleHopWeight'
  | 'rulesPerItemMax'
> & { readonly isWanted: boolean }

export function ruleSettingsOf(settings: SessionKnnSettings): RuleSettings {
  return {
    isWanted: settings.ruleWeight > 0,
    ruleStepsMax: settings.ruleStepsMax,
    ruleDistanceExponent: settings.ruleDistanceExponent,
    ruleHalfLifeDays: settings.ruleHalfLifeDays,
    ruleBackwardWeight: settings.ruleBackwardWeight,
    ruleHopWeight: settings.ruleHopWeight,
    rulesPerItemMax: settings.rulesPerItemMax,
  }
}

/** Rules before they are cut to the byte budget: `rulesPerItemMax` slots an item. */
interface RuleTable {
  counts: Int32Array
  items: Int32Array
  weights: Float32Array
  shares: Uint16Array
}

/**
 * Counts pairs of items near each other in a session, one item at a time, so that memory holds one
 * dense row and not all pairs.
 */
export function buildRules(
  sessions: TrainingSessions,
  settings: RuleSettings,
  bytesMax: number,
  asked?: ReadonlySet<number>,
): Rules {
  const counted = emptyTable(sessions.itemsTotal, settings.isWanted ? settings.rulesPerItemMax : 0)
  if (!settings.isWanted) return packTable(counted, bytesMax)
  fillTable(counted, sessions, settings)
  const table = settings.ruleHopWeight > 0 ? walkOn(counted, settings, asked) : counted
  return packTable(table, bytesMax)
}

function emptyTable(itemsTotal: number, rulesPerItemMax: number): RuleTable {
  const slots = itemsTotal * rulesPerItemMax
  return {
    counts: new Int32Array(itemsTotal),
    items: new Int32Array(slots),
    weights: new Float32Array(slots),
    shares: new Uint16Array(slots),
  }
}

function fillTable(table: RuleTable, sessions: TrainingSessions, settings: RuleSettings): void {
  const occurrences = occurrencesOf(sessions)
  const recency = recencyWeights(sessions, settings.ruleHalfLifeDays)
  const byDistance = Float64Array.from({ length: settings.ruleStepsMax + 1 }, (_, steps) =>
    steps === 0 ? 0 : 1 / steps ** settings.ruleDistanceExponent,
  )
  const row = new Float64Array(sessions.itemsTotal)
  for (let item = 0; item < sessions.itemsTotal; item++) {
    const touched: number[] = []
    const addPair = (other: number, weight: number) => {
      if (other === item || weight === 0) return
      if (row[other] === 0) touched.push(other)
      row[other] = (row[other] as number) + weight
    }
    for (
      let at = occurrences.offsets[item] as number;
      at < (occurrences.offsets[item + 1] as number);
      at++
    ) {
      const session = occurrences.sessions[at] as number
      const click = occurrences.clicks[at] as number
      const start = sessions.sessionOffsets[session] as number
      const end = sessions.sessionOffsets[session + 1] as number
      for (let steps = 1; steps <= settings.ruleStepsMax; steps++) {
        const weight = (recency[session] as number) * (byDistance[steps] as number)
        if (click + steps < end) addPair(sessions.items[click + steps] as number, weight)
        if (click - steps < start) continue
        addPair(sessions.items[click - steps] as number, weight * settings.ruleBackwardWeight)
      }
    }
    keepStrongest(table, item, touched, row, settings.rulesPerItemMax)
    for (const other of touched) row[other] = 0
  }
}

/**
 * Adds to each item's rules those of the items they lead to, as a walk of two steps finds them: items that
 * were never seen together but share their neighbours. Rows that had room or weak ends are filled by them.
 */
function walkOn(
  counted: RuleTable,
  { rulesPerItemMax, ruleHopWeight }: RuleSettings,
  asked: ReadonlySet<number> | undefined,
): RuleTable {
  const itemsTotal = counted.counts.length
  const table = emptyTable(itemsTotal, rulesPerItemMax)
  const row = new Float64Array(itemsTotal)
  const touched: number[] = []
  const addTo = (other: number, weight: number) => {
    if (row[other] === 0) touched.push(other)
    row[other] = (row[other] as number) + weight
  }
  for (let item = 0; item < itemsTotal; item++) {
    // Weights, not shares, so that of two items with equal rows the more frequent keeps more bytes.
    const first = item * rulesPerItemMax
    const end = first + (counted.counts[item] as number)
    for (let slot = first; slot < end; slot++) {
      const near = counted.items[slot] as number
      const weight = counted.weights[slot] as number
      addTo(near, weight)
      if (asked?.has(item) === false) continue
      const start = near * rulesPerItemMax
      const step = (ruleHopWeight * weight) / 0xffff
      for (let far = start; far < start + (counted.counts[near] as number); far++) {
        const other = counted.items[far] as number
        if (other !== item) addTo(other, step * (counted.shares[far] as number))
      }
    }
    keepStrongest(table, item, touched, row, rulesPerItemMax)
    for (const other of touched) row[other] = 0
    touched.length = 0
  }
  return table
}

/** Where each item was clicked: a counting sort of the clicks by item. */
function occurrencesOf(sessions: TrainingSessions) {
  const counts = new Int32Array(sessions.itemsTotal)
  for (const item of sessions.items) counts[item] = (counts[item] as number) + 1
  const offsets = offsetsOf(counts)
  const next = offsets.slice()
  const clicks = new Int32Array(sessions.items.length)
  const inSessions = new Int32Array(sessions.items.length)
  for (let session = 0; session < sessionsTotal(sessions); session++) {
    const end = sessions.sessionOffsets[session + 1] as number
    for (let click = sessions.sessionOffsets[session] as number; click < end; click++) {
      const item = sessions.items[click] as number
      const slot = next[item] as number
      clicks[slot] = click
      inSessions[slot] = session
      next[item] = slot + 1
    }
  }
  return { offsets, clicks, sessions: inSessions }
}

function keepStrongest(
  table: RuleTable,
  item: number,
  touched: number[],
  row: Float64Array,
  rulesPerItemMax: number,
): void {
  const weightOf = (other: number) => row[other] as number
  const strongest = highestEntries(row, touched, rulesPerItemMax)
  const total = strongest.reduce((sum, other) => sum + weightOf(other), 0)
  table.counts[item] = strongest.length
  strongest.forEach((other, place) => {
    const slot = item * rulesPerItemMax + place
    table.items[slot] = other
    table.weights[slot] = weightOf(other)
    table.shares[slot] = Math.max(1, Math.round((weightOf(other) / total) * 0xffff))
  })
}

/** Lays the rows end to end; where the bytes do not suffice, the rules with least weight go. */
function packTable(table: RuleTable, bytesMax: number): Rules {
  const itemsTotal = table.counts.length
  const perItem = table.items.length / Math.max(itemsTotal, 1)
  const rulesMax = Math.max(0, Math.floor(bytesMax / (bytesPerNumber(itemsTotal) + 2)))
  const weightMin = weightOfNth(table.weights, rulesMax)
  const counts = table.counts.map((count, item) => {
    const row = table.weights.subarray(item * perItem, item * perItem + count)
    return row.reduce((kept, weight) => kept + (weight > weightMin ? 1 : 0), 0)
  })
  const ruleOffsets = offsetsOf(counts)
  const ruleItems = numbersFor(ruleOffsets.at(-1) as number, itemsTotal)
  const ruleShares = new Uint16Array(ruleItems.length)
  counts.forEach((count, item) => {
    const from = item * perItem
    ruleItems.set(table.items.subarray(from, from + count), ruleOffsets[item])
    ruleShares.set(table.shares.subarray(from, from + count), ruleOffsets[item])
  })
  return { ruleOffsets, ruleItems, ruleShares }
}

/** The weight below or at which a rule has to go so that at most `rulesMax` stay. */
function weightOfNth(weights: Float32Array, rulesMax: number): number {
  if (rulesMax >= weights.length) return 0
  return weights.slice().sort()[weights.length - 1 - rulesMax] as number
}
