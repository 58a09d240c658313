import { limits } from '../limits.ts'

/** Where an alert stands; times in epoch ms. */
export interface AlertState {
  /** 0: nothing is wrong; the first severity is 1. */
  readonly level: number
  readonly since: number
  /** When somebody was last told, and of which level; 0: never. */
  readonly notifiedAt: number
  readonly notifiedLevel: number
  /** Whether somebody was told since it got so bad: no comparison of times, which one request and a clock put back share. */
  readonly isNotified: boolean
  readonly acknowledgedAt: number | null
  /** How often it went a step further up because nobody acknowledged it, */
  readonly escalation: number
  /** and when it last did; before the first step, when it was first told. */
  readonly escalatedAt: number
  /** Since when the clock alone has told it; null where an event or a question came after. */
  readonly unseenSince: number | null
}

/** What its placement says of the level that an alert has. */
export interface AlertTimes {
  /** Null where the same is told once. */
  readonly silenceMs: number | null
  /** Null where it does not escalate. */
  readonly escalateMs: number | null
}

export interface AlertStep extends AlertTimes {
  readonly at: number
  readonly level: number
  readonly isAcknowledged: boolean
}

export function calm(at: number): AlertState {
  return {
    ...{ level: 0, since: at, notifiedAt: 0, notifiedLevel: 0, isNotified: false },
    ...{ acknowledgedAt: null, escalation: 0, escalatedAt: 0, unseenSince: null },
  }
}

/** The next state of an alert, and whether somebody is to be told: when it gets worse, or nobody acts. */
export function nextAlert(remembered: AlertState, step: AlertStep) {
  const { at, level } = step
  const before = asOf(remembered, at)
  const isWorse = level > before.level
  const moved: AlertState =
    level === before.level
      ? before
      : {
          ...{ ...before, level, since: isWorse || level === 0 ? at : before.since },
          // Worse than what was acknowledged has not been acknowledged.
          acknowledgedAt: isWorse || level === 0 ? null : before.acknowledgedAt,
          escalation: isWorse || level === 0 ? 0 : before.escalation,
          isNotified: isWorse || level === 0 ? false : before.isNotified,
        }
  if (level === 0) return { state: moved, notify: false }
  const heard = moved.acknowledgedAt ?? (step.isAcknowledged ? at : null)
  const state = { ...moved, acknowledgedAt: heard }
  const { tellAt, escalateAt } = nextNotices(state, step)
  if (at < Math.min(tellAt, escalateAt)) return { state, notify: false }
  const told = { ...state, notifiedAt: at, notifiedLevel: level, isNotified: true }
  if (!state.isNotified) return { state: { ...told, escalation: 0, escalatedAt: at }, notify: true }
  const { escalation } = state
  if (at < escalateAt) return { state: told, notify: true }
  return { state: { ...told, escalation: escalation + 1, escalatedAt: at }, notify: true }
}

/**
 * What was remembered, where the clock was put back before the last notice: times begin anew at `at`, and there is no
 * silence after a notice that is still to come, for what was not told yet.
 */
function asOf(state: AlertState, at: number): AlertState {
  const { notifiedAt, escalatedAt, isNotified } = state
  if (Math.max(notifiedAt, escalatedAt) <= at) return state
  return {
    ...{ ...state, notifiedLevel: isNotified ? state.notifiedLevel : 0 },
    ...{ notifiedAt: Math.min(notifiedAt, at), escalatedAt: Math.min(escalatedAt, at) },
  }
}

/** When somebody is to be told of an alert though nothing comes any more, epoch ms; infinite where nobody is. */
export function noticeAt(state: AlertState, times: AlertTimes): number {
  const { tellAt, escalateAt } = nextNotices(state, times)
  return Math.min(tellAt, escalateAt)
}

/** When it is to be told, or told again, as it is, and when a step further up. */
function nextNotices(state: AlertState, { silenceMs, escalateMs }: AlertTimes) {
  const never = { tellAt: Number.POSITIVE_INFINITY, escalateAt: Number.POSITIVE_INFINITY }
  if (state.level === 0 || state.acknowledgedAt !== null) return never
  // One that was silenced when it was raised is told once the silence is over, if it still holds.
  if (!state.isNotified) {
    const isSilenced = state.level <= state.notifiedLevel
    return { ...never, tellAt: state.notifiedAt + ((isSilenced ? silenceMs : null) ?? 0) }
  }
  const mayEscalate = escalateMs !== null && state.escalation < limits.alertEscalationsMax
  return {
    tellAt: silenceMs === null ? never.tellAt : state.notifiedAt + silenceMs,
    escalateAt: mayEscalate ? state.escalatedAt + escalateMs : never.escalateAt,
  }
}
