import { highestEntries } from '#shared/highest-entries.ts'
import type { Numbers, SessionKnnSettings } from '#shared/session-knn.ts'
import { keepingLast } from './keeping-last.ts'
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

type CountSettings = Omit<RuleSettings, 'isWanted' | 'ruleHopWeight'>

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
 * dense row and not all pairs. What was counted last is kept: walking on from it and cutting it to
 * other bytes need no new count. Where `asked` names the only items that will be asked about, only
 * their rules walk on.
 */
export function ruleBuilder(
  sessions: TrainingSessions,
  asked?: ReadonlySet<number>,
): (settings: RuleSettings, bytesMax: number) => Rules {
  const countFor = keepingLast((settings: CountSettings) => countRules(sessions, settings))
  return keepingLast(({ isWanted, ruleHopWeight, ...settings }: RuleSettings, bytesMax: number) => {
    if (!isWanted) return packTable(emptyTable(sessions.itemsTotal, 0), bytesMax)
    const counted = countFor(settings)
    const { rulesPerItemMax } = settings
    const table =
      ruleHopWeight > 0 ? walkOn(counted, { rulesPerItemMax, ruleHopWeight }, asked) : counted
    return packTable(table, bytesMax)
  })
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

function copyOf({ counts, items, weights, shares }: RuleTable): RuleTable {
  return {
    counts: counts.slice(),
    items: items.slice(),
    weights: weights.slice(),
    shares: shares.slice(),
  }
}

function countRules(sessions: TrainingSessions, settings: CountSettings): RuleTable {
  const table = emptyTable(sessions.itemsTotal, settings.rulesPerItemMax)
  const occurrences = occurrencesOf(sessions)
  const recency = recencyWeights(sessions, settings.ruleHalfLifeDays)
  const byDistance = Float64Array.from({ length: settings.ruleStepsMax + 1 }, (_, steps) =>
    steps === 0 ? 0 : 1 / steps ** settings.ruleDistanceExponent,
  )
  const row = emptyRow(sessions.itemsTotal)
  for (let item = 0; item < sessions.itemsTotal; item++) {
    const last = occurrences.offsets[item + 1] as number
    for (let at = occurrences.offsets[item] as number; at < last; at++) {
      const session = occurrences.sessions[at] as number
      const click = occurrences.clicks[at] as number
      const before = click - (sessions.sessionOffsets[session] as number)
      const after = (sessions.sessionOffsets[session + 1] as number) - 1 - click
      const stepsMax = Math.min(settings.ruleStepsMax, Math.max(before, after))
      for (let steps = 1; steps <= stepsMax; steps++) {
        const weight = (recency[session] as number) * (byDistance[steps] as number)
        if (steps <= after) addPair(row, item, sessions.items[click + steps] as number, weight)
        if (steps > before) continue
        const backward = weight * settings.ruleBackwardWeight
        addPair(row, item, sessions.items[click - steps] as number, backward)
      }
    }
    keepStrongest(table, item, row, settings.rulesPerItemMax)
  }
  return table
}

/**
 * Adds to each item's rules those of the items they lead to, as a walk of two steps finds them: items that
 * were never seen together but share their neighbours. Rows that had room or weak ends are filled by them.
 */
function walkOn(
  counted: RuleTable,
  { rulesPerItemMax, ruleHopWeight }: Pick<RuleSettings, 'rulesPerItemMax' | 'ruleHopWeight'>,
  asked: ReadonlySet<number> | undefined,
): RuleTable {
  const table = copyOf(counted)
  const row = emptyRow(counted.counts.length)
  for (const item of asked ?? counted.counts.keys()) {
    // Weights, not shares, so that of two items with equal rows the more frequent keeps more bytes.
    const first = item * rulesPerItemMax
    const end = first + (counted.counts[item] as number)
    for (let slot = first; slot < end; slot++) {
      const near = counted.items[slot] as number
      const weight = counted.weights[slot] as number
      addPair(row, item, near, weight)
      const start = near * rulesPerItemMax
      const farEnd = start + (counted.counts[near] as number)
      const step = (ruleHopWeight * weight) / 0xffff
      for (let far = start; far < farEnd; far++) {
        addPair(row, item, counted.items[far] as number, step * (counted.shares[far] as number))
      }
    }
    keepStrongest(table, item, row, rulesPerItemMax)
  }
  return table
}

/** The dense row of one item: `values` by the other item, `touched` those above 0, each once. */
interface Row {
  readonly values: Float64Array
  readonly touched: number[]
}

function emptyRow(itemsTotal: number): Row {
  return { values: new Float64Array(itemsTotal), touched: [] }
}

function addPair({ values, touched }: Row, item: number, other: number, weight: number): void {
  if (other === item || weight === 0) return
  if (values[other] === 0) touched.push(other)
  values[other] = (values[other] as number) + weight
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

/** Moves the strongest of a row into the table, and empties the row for the next item. */
function keepStrongest(
  table: RuleTable,
  item: number,
  { values, touched }: Row,
  rulesPerItemMax: number,
): void {
  const strongest = highestEntries(values, touched, rulesPerItemMax)
  let total = 0
  for (const other of strongest) total += values[other] as number
  table.counts[item] = strongest.length
  strongest.forEach((other, place) => {
    const slot = item * rulesPerItemMax + place
    const weight = values[other] as number
    table.items[slot] = other
    table.weights[slot] = weight
    table.shares[slot] = Math.max(1, Math.round((weight / total) * 0xffff))
  })
  for (const other of touched) values[other] = 0
  touched.length = 0
}

/** Lays the rows end to end; where the bytes do not suffice, the rules with least weight go. */
function packTable(table: RuleTable, bytesMax: number): Rules {
  const itemsTotal = table.counts.length
  const perItem = table.items.length / Math.max(itemsTotal, 1)
  const rulesMax = Math.max(0, Math.floor(bytesMax / (bytesPerNumber(itemsTotal) + 2)))
  const weightMin = weightOfNth(table.weights, rulesMax)
  const counts = table.counts.map((count, item) => {
    let kept = count
    while (kept > 0 && (table.weights[item * perItem + kept - 1] as number) <= weightMin) kept--
    return kept
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
