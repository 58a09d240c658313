import { limits } from '../limits.ts'
import { isTimeZone } from '../policy.ts'
import { RuleTime } from './facts.ts'

const weekdays = ['Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun']

/** A clock by its zone: making one takes 50 µs, and there are as many as IANA names at most. */
interface Clock {
  readonly format: Intl.DateTimeFormat
  /** What it showed last, and at which minute of the epoch: every zone's minutes begin where those of UTC do. */
  readonly minute: number
  readonly shown: RuleTime
}

const clocks = new Map<string, Clock>()

const minuteMs = 60_000

/** The visitor's zone where the context names one that exists, else the policy's. */
export function timeZoneOf(context: Readonly<Record<string, unknown>>, fallback: string): string {
  const { timezone } = context
  if (typeof timezone !== 'string' || timezone.length > limits.nameCharactersMax) return fallback
  return clocks.has(timezone) || isTimeZone(timezone) ? timezone : fallback
}

/** A moment (epoch ms) as the clock on the wall of a zone shows it. */
export function timeIn(timeZone: string, at: number): RuleTime {
  const minute = Math.floor(at / minuteMs)
  const clock = clocks.get(timeZone)
  if (clock?.minute === minute) return clock.shown
  const format = clock?.format ?? newFormat(timeZone)
  const shown = shownBy(format, at)
  if (!clock && clocks.size >= limits.timeZonesMax) clocks.clear()
  clocks.set(timeZone, { format, minute, shown })
  return shown
}

function shownBy(format: Intl.DateTimeFormat, at: number): RuleTime {
  const parts = format.formatToParts(at)
  const part = (type: string) => parts.find((each) => each.type === type)?.value ?? ''
  const weekday = weekdays.indexOf(part('weekday')) + 1
  return new RuleTime(Number(part('hour')), Number(part('minute')), weekday)
}

function newFormat(timeZone: string): Intl.DateTimeFormat {
  return new Intl.DateTimeFormat('en', {
    ...{ timeZone, weekday: 'short', hour: 'numeric', minute: 'numeric', hourCycle: 'h23' },
  })
}
