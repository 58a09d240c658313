import { setTimeout as wait } from 'node:timers/promises'
import type { Client, Decided } from '../client.ts'
import { wardMinuteMs } from './policy.ts'
import type { Bed, Reading } from './ward.ts'

/** A nurse comes so many minutes after the first notice. */
const nurseMinutes = 3

/** What the POP answered to the readings of one bed, by minute. */
interface BedLog {
  readonly bed: Bed
  readonly told: {
    readonly minute: number
    readonly severity: string
    readonly escalation: number
  }[]
  /** Ids, as the answers of requests told them. */
  readonly decided: string[]
  acknowledgedAt: number | null
}

interface Alert {
  readonly severity: string | null
  readonly notify: boolean
  readonly escalation: number
}

/**
 * All beds post once a minute, which is short here, and the answer of that request says whether somebody is told. At
 * every other bed a nurse acknowledges; at the others nobody comes, and the alarm is told again.
 */
export async function watchWard(beds: readonly Bed[], client: Client): Promise<BedLog[]> {
  const logs = beds.map((bed): BedLog => ({ bed, told: [], decided: [], acknowledgedAt: null }))
  const minutes = Math.max(...beds.map(({ readings }) => readings.length))
  for (let minute = 0; minute < minutes; minute++) {
    const over = wait(wardMinuteMs)
    await Promise.all(logs.map((log, number) => postMinute(log, minute, number % 2 === 0, client)))
    await over
  }
  return logs
}

async function postMinute(log: BedLog, minute: number, hasNurse: boolean, client: Client) {
  const reading = log.bed.readings[minute]
  if (!reading) return
  const first = log.told[0]
  const isHeard = hasNurse && first !== undefined && minute === first.minute + nurseMinutes
  if (isHeard) log.acknowledgedAt = minute
  const { name } = log.bed
  const events = [
    ...(isHeard ? [{ event: 'Alarm Acknowledged', messageId: `${name}-heard-${minute}` }] : []),
    { event: 'Vital Signs', messageId: `${name}-${minute}`, properties: signsOf(reading) },
  ]
  const batch = events.map((event) => ({ type: 'track', anonymousId: name, ...event }))
  const { decisions = [] } = await client.send(batch)
  log.decided.push(...decisions.map(({ decisionId }) => decisionId))
  for (const { severity, notify, escalation } of decisions.map(alertOf)) {
    if (notify && severity !== null) log.told.push({ minute, severity, escalation })
  }
}

const alertOf = ({ answer }: Decided) => answer as unknown as Alert

/** A sensor that gave nothing sends nothing. */
function signsOf({ heartRate, breaths, oxygen }: Reading) {
  const signs = Object.entries({ heartRate, breaths, oxygen })
  return Object.fromEntries(signs.filter(([, value]) => value !== null))
}
