import { interactionEvents } from '#shared/event.ts'
import type { Store } from '../store/store.ts'

/** When what people look at has moved so far from what the model learned that a training is due at once. */
export const driftBounds = {
  /** Population stability index; above a quarter a shift counts as large by the usual rule of thumb. */
  stabilityMax: 0.25,
  /** With fewer clicks since the training, chance alone moves the index by a tenth. */
  clicksMin: 1_000,
  /** The most looked at items are a bin each, all others one. */
  itemsMax: 50,
  /** What the training is compared by: so long before it. */
  referenceDays: 30,
} as const

/** Clicks on one item, or on all the others, before the last training and since. */
export interface DriftBin {
  readonly before: number
  readonly since: number
}

const binsSql = `
  WITH clicks AS (
    SELECT item, timestamp >= parseDateTime64BestEffort({trainedAt:String}, 3, 'UTC') AS isSince
    FROM events_once ARRAY JOIN items AS item
    WHERE site = {site:String} AND event IN {interactions:Array(String)} AND NOT bot
      AND timestamp >= parseDateTime64BestEffort({trainedAt:String}, 3, 'UTC') - toIntervalDay({referenceDays:UInt32})
  ), counted AS (
    SELECT countIf(NOT isSince) AS before, countIf(isSince) AS since,
           row_number() OVER (ORDER BY before DESC, item) AS place
    FROM clicks GROUP BY item
  )
  SELECT sum(before) AS before, sum(since) AS since
  FROM counted GROUP BY least(place, {itemsMax:UInt32} + 1) AS bin ORDER BY bin`

/** Counts a site's clicks before and since its last training (epoch ms), by item; the store does the counting. */
export async function readDriftBins(
  store: Store,
  site: string,
  trainedAtMs: number,
): Promise<DriftBin[]> {
  const { itemsMax, referenceDays } = driftBounds
  const trainedAt = new Date(trainedAtMs).toISOString()
  const parameters = { site, trainedAt, interactions: interactionEvents, itemsMax, referenceDays }
  const rows = await store.query<DriftBin>(binsSql, parameters)
  return rows.map(({ before, since }) => ({ before: Number(before), since: Number(since) }))
}

/**
 * The population stability index of what is looked at: Σ (share since − share before) · ln(share since / share before).
 * 0 is no change, and it is 0 where too little has been seen to tell.
 */
export function populationStability(bins: readonly DriftBin[]): number {
  const before = bins.reduce((sum, bin) => sum + bin.before, 0)
  const since = bins.reduce((sum, bin) => sum + bin.since, 0)
  if (before < driftBounds.clicksMin || since < driftBounds.clicksMin) return 0
  // Half a click, so that an item that came or went counts much and not without end.
  const share = (clicks: number, total: number) => Math.max(clicks, 0.5) / total
  return bins.reduce((sum, bin) => {
    const [then, now] = [share(bin.before, before), share(bin.since, since)]
    return sum + (now - then) * Math.log(now / then)
  }, 0)
}
