import type { Bed } from './ward.ts'

const silenceMinutes = 15

export interface WardFigures {
  readonly episodes: number
  readonly found: number
  /** Outside of every episode. */
  readonly falseAlarms: number
  readonly falseAlarmsPerBedDay: number
  /** From the start of an episode to its first alarm, at the mean of those found; null where none was. */
  readonly delayMinutes: number | null
}

/** Minutes in which somebody is told of a bed, held against what happened there. */
export function judgeWard(
  beds: readonly Bed[],
  alarmsOf: (bed: Bed) => readonly number[],
): WardFigures {
  const delays: number[] = []
  let falseAlarms = 0
  for (const bed of beds) {
    const { episode } = bed
    const isInside = (minute: number) =>
      episode !== null && minute >= episode.from && minute <= episode.to
    const alarms = alarmsOf(bed)
    const first = alarms.find(isInside)
    if (episode !== null && first !== undefined) delays.push(first - episode.from)
    falseAlarms += alarms.filter((minute) => !isInside(minute)).length
  }
  const bedMinutes = beds.reduce((sum, { readings }) => sum + readings.length, 0)
  return {
    episodes: beds.filter(({ episode }) => episode !== null).length,
    found: delays.length,
    falseAlarms,
    falseAlarmsPerBedDay: falseAlarms / (bedMinutes / 1_440),
    delayMinutes:
      delays.length === 0 ? null : delays.reduce((sum, each) => sum + each, 0) / delays.length,
  }
}

/** What a monitor without a model does: a limit for each sign, and the same silence after an alarm. */
export function limitAlarms({ readings }: Bed): number[] {
  const alarms: number[] = []
  for (const { minute, heartRate, breaths, oxygen } of readings) {
    const isPast =
      isOutside(heartRate, 45, 110) || isOutside(breaths, 8, 24) || isOutside(oxygen, 91, 100)
    const last = alarms.at(-1) ?? Number.NEGATIVE_INFINITY
    if (isPast && minute - last >= silenceMinutes) alarms.push(minute)
  }
  return alarms
}

function isOutside(value: number | null, low: number, high: number): boolean {
  return value !== null && (value < low || value > high)
}
