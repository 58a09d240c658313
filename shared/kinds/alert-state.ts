import { limits } from '../limits.ts'

/** Where an alert stands; times in epoch ms. */
export interface AlertState {
  /** 0: nothing is wrong; the first severity is 1. */
  readonly level: number
  readonly since: number
  /** When somebody was last told, and of which level; 0: never. */
  readonly notifiedAt: number
  readonly notifiedLevel: number
  readonly acknowledgedAt: number | null
  /** How often it was told again because nobody acknowledged it. */
  readonly escalation: number
}

export interface AlertStep {
  readonly at: number
  readonly level: number
  readonly silenceMs: number
  /** Of this level; null where it does not escalate. */
  readonly escalateMs: number | null
  readonly isAcknowledged: boolean
}

export function calm(at: number): AlertState {
  return {
    ...{ level: 0, since: at, notifiedAt: 0, notifiedLevel: 0 },
    ...{ acknowledgedAt: null, escalation: 0 },
  }
}

/** The next state of an alert, and whether somebody is to be told: when it gets worse, or nobody acts. */
export function nextAlert(before: AlertState, step: AlertStep) {
  const { at, level } = step
  const isWorse = level > before.level
  const moved: AlertState =
    level === before.level
      ? before
      : {
          ...{ ...before, level, since: isWorse || level === 0 ? at : before.since },
          // Worse than what was acknowledged has not been acknowledged.
          acknowledgedAt: isWorse || level === 0 ? null : before.acknowledgedAt,
          escalation: isWorse || level === 0 ? 0 : before.escalation,
        }
  if (level === 0) return { state: moved, notify: false }
  const heard = moved.acknowledgedAt ?? (step.isAcknowledged ? at : null)
  const state = { ...moved, acknowledgedAt: heard }
  if (heard !== null) return { state, notify: false }
  const isSilenced = level <= before.notifiedLevel && at - before.notifiedAt < step.silenceMs
  // One that was silenced when it was raised is told once the silence is over, if it still holds.
  const isUntold = state.notifiedAt < state.since
  if (isUntold && !isSilenced) return { state: told(state, at, 0), notify: true }
  const isIgnored = step.escalateMs !== null && at - state.notifiedAt >= step.escalateMs
  if (isUntold || !isIgnored || state.escalation >= limits.alertEscalationsMax) {
    return { state, notify: false }
  }
  return { state: told(state, at, state.escalation + 1), notify: true }
}

function told(state: AlertState, at: number, escalation: number): AlertState {
  return { ...state, notifiedAt: at, notifiedLevel: state.level, escalation }
}
