import {
  type DecisionRow,
  decisionColumns,
  decisionOf,
  type StoredDecision,
} from '../../decisions/find-decision.ts'
import type { Store } from '../../store/store.ts'
import { timestamp } from '../../store/timestamp.ts'
import type { EstimateQuestion } from './question.ts'

/** A decision that was shown, what chance had to do with it, and whether its first item was taken. */
export interface StoredChoice {
  readonly decision: StoredDecision
  readonly propensity: number
  readonly explored: boolean
  readonly reward: number
}

/** Drawn from more than these; each is decided again, in about a millisecond. */
const choicesMax = 5_000
const timeMaxMs = 60_000

/**
 * Decisions whose first item was left to chance, that were shown, and whose hours are over: counted from the first
 * `Decision Shown` that is not older than its decision.
 */
const choices = `
  SELECT decisions_once.*, shown_at FROM decisions_once
  ASOF INNER JOIN (
    SELECT JSONExtractString(properties, 'decisionId') AS decision_id, timestamp AS shown_at
    FROM events_once WHERE site = {site:String} AND event = 'Decision Shown' AND NOT bot
  ) AS exposures ON decisions_once.decision_id = exposures.decision_id AND decisions_once.at <= shown_at
  WHERE site = {site:String} AND placement = {placement:String}
    AND JSONHas(answer, 'propensity') AND fallback != 'holdout' AND notEmpty(items)
    AND at > {until:DateTime64(3, 'UTC')} - toIntervalDay({days:UInt32})
    AND shown_at + toIntervalHour({hours:UInt32}) <= {until:DateTime64(3, 'UTC')}
  ORDER BY cityHash64(decision_id) LIMIT ${choicesMax}`

/** Of those the ones whose visitor took the first item within the hours after it was shown. */
const taken = `
  SELECT decision_id FROM (${choices}) AS made
  INNER JOIN (
    SELECT visitor, timestamp, item FROM events_once ARRAY JOIN items AS item
    WHERE site = {site:String} AND event = {event:String} AND NOT bot
      AND visitor IN (SELECT visitor FROM (${choices}))
  ) AS acts ON acts.visitor = made.visitor AND acts.item = made.items[1]
  WHERE acts.timestamp > made.shown_at AND acts.timestamp <= made.shown_at + toIntervalHour({hours:UInt32})`

interface Row extends DecisionRow {
  readonly propensity: number
  readonly explored: number
  readonly reward: number
}

/** The choices of a placement that chance made, at most a few thousand of them, drawn evenly. */
export async function readChoices(
  site: string,
  { placement, event, hours, days }: EstimateQuestion,
  nowMs: number,
  store: Store,
): Promise<StoredChoice[]> {
  const until = timestamp(nowMs).replace('T', ' ').replace('Z', '')
  const rows = await store.query<Row>(
    `SELECT ${decisionColumns}, shown_at, JSONExtractFloat(answer, 'propensity') AS propensity,
       JSONExtractBool(answer, 'explored') AS explored, decision_id IN (${taken}) AS reward
     FROM (${choices}) AS made`,
    { site, placement, event, hours, days, until },
    { timeMaxMs },
  )
  return rows.map(({ propensity, explored, reward, ...row }) => ({
    decision: decisionOf(site, row),
    ...{ propensity: Number(propensity), explored: Boolean(explored), reward: Number(reward) },
  }))
}
