import { limits } from '../limits.ts'
import { isTimeZone } from '../policy.ts'
import { RuleTime } from './facts.ts'

const weekdays = ['Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun']

/** Clocks by their zone: making one takes 50 µs, and there are as many as IANA names at most. */
const clocks = new Map<string, Intl.DateTimeFormat>()

/** The visitor's zone where the context names one that exists, else the policy's. */
export function timeZoneOf(context: Readonly<Record<string, unknown>>, fallback: string): string {
  const { timezone } = context
  if (typeof timezone !== 'string' || timezone.length > limits.nameCharactersMax) return fallback
  return clocks.has(timezone) || isTimeZone(timezone) ? timezone : fallback
}

/** A moment (epoch ms) as the clock on the wall of a zone shows it. */
export function timeIn(timeZone: string, at: number): RuleTime {
  const parts = clockOf(timeZone).formatToParts(at)
  const part = (type: string) => parts.find((each) => each.type === type)?.value ?? ''
  const weekday = weekdays.indexOf(part('weekday')) + 1
  return new RuleTime(Number(part('hour')), Number(part('minute')), weekday)
}

function clockOf(timeZone: string): Intl.DateTimeFormat {
  const known = clocks.get(timeZone)
  if (known) return known
  const clock = new Intl.DateTimeFormat('en', {
    ...{ timeZone, weekday: 'short', hour: 'numeric', minute: 'numeric', hourCycle: 'h23' },
  })
  if (clocks.size >= limits.timeZonesMax) clocks.clear()
  clocks.set(timeZone, clock)
  return clock
}
