import * as v from 'valibot'
import { limits } from '../limits.ts'
import { duplicateName, isNever } from '../policy/condition.ts'
import { durationMs, everyPlacement, name, ofVisitor, scored } from '../policy/fields.ts'
import { type AlertState, type AlertTimes, calm, nextAlert, noticeAt } from './alert-state.ts'
import { ask, reportOf } from './ask.ts'
import type { Kind, PlacementProblem } from './kind.ts'

const levelSchema = v.strictObject({
  severity: name,
  /** It is raised when this is true, */
  on: ofVisitor,
  /** and stays until this is: a threshold apart from the first keeps it from flickering. */
  off: v.optional(ofVisitor),
  /** Told again, one step further up, whenever nobody has acknowledged it for so long; by the clock where nothing comes. */
  escalateMs: v.optional(durationMs),
})

const schema = v.strictObject({
  ...everyPlacement,
  kind: v.literal('alert'),
  ...scored,
  /** Least severe first. */
  levels: v.pipe(v.array(levelSchema), v.minLength(1), v.maxLength(limits.alertLevelsMax)),
  /** After a notice the same severity, or a lesser one, is told again only when this is over, and not once it is acknowledged. */
  silenceMs: v.optional(durationMs),
  /** The name of the event by which somebody acknowledges the alert; with `on`, it is listened to as those are. */
  acknowledgedBy: v.optional(name),
})
type AlertPlacement = v.InferOutput<typeof schema>

const memorySchema = v.object({
  ...{ level: v.number(), since: v.number(), notifiedAt: v.number(), notifiedLevel: v.number() },
  ...{ acknowledgedAt: v.nullable(v.number()), escalation: v.number() },
  // What was remembered before the clock told anybody has none of these.
  isNotified: v.optional(v.boolean()),
  escalatedAt: v.optional(v.number()),
  unseenSince: v.optional(v.nullable(v.number()), null),
  /** By the times that its policy had then. */
  dueAt: v.optional(v.nullable(v.number()), null),
})

/** How bad it is, and whether somebody has to be told now. */
export const alert: Kind<AlertPlacement> = {
  schema,
  compile: (placement, compiler) => {
    const levels = placement.levels.map(({ severity, on, off }, number) => ({
      severity,
      on: compiler.yesNo(on, ['levels', number, 'on']),
      off: compiler.yesNo(off, ['levels', number, 'off']),
    }))
    const { acknowledgedBy, silenceMs = null } = placement
    const timesOf = (level: number): AlertTimes => {
      return { silenceMs, escalateMs: placement.levels[level - 1]?.escalateMs ?? null }
    }
    const answerOf = (state: AlertState, told: { notify: boolean; score: number | null }) => ({
      severity: levels[state.level - 1]?.severity ?? null,
      notify: told.notify,
      acknowledged: state.acknowledgedAt !== null,
      escalation: state.escalation,
      since: state.level === 0 ? null : state.since,
      score: told.score,
    })
    return {
      ruleNames: placement.levels.map(({ severity }) => severity),
      hears: acknowledgedBy,
      check: () =>
        levels.flatMap(({ severity, on, off }, number): PlacementProblem[] => {
          const of = (field: string, sentence: string) => [
            { path: ['levels', number, field], offset: 0, sentence },
          ]
          if (isNever(on)) return of('on', 'it is never true, so it is never raised')
          if (isNever(off)) return of('off', 'it is never true, so it never ends')
          const earlier = placement.levels.slice(0, number).map((each) => ({ name: each.severity }))
          const twice = duplicateName(severity, earlier)
          return twice ? of('severity', twice) : []
        }),
      decide: ({ scope, at, memory, events }) => {
        const { before, dueBefore } = readMemory(memory, levels.length, at)
        const effects = levels.map(({ severity }) => reportOf(severity, 'alert'))
        const isHeld = levels.map(({ on, off }, number) => {
          const report = effects[number] as ReturnType<typeof reportOf>
          const isOn = ask(on, scope, report)
          if (isOn) return true
          if (before.level <= number) return false
          // What cannot be judged stays as it is: an alert is not ended by a value that is missing.
          return off === null ? isOn === undefined : ask(off, scope, report) !== true
        })
        const level = isHeld.lastIndexOf(true) + 1
        for (const [number, report] of effects.entries()) report.on = number + 1 === level
        const { state: next, notify } = nextAlert(before, {
          ...{ at, level, ...timesOf(level) },
          isAcknowledged: events.some(({ event }) => event !== '' && event === acknowledgedBy),
        })
        const state = { ...next, unseenSince: null }
        const answer = answerOf(state, { notify, score: scope.score ?? null })
        const dueAt = dueAtOf(state, timesOf(level))
        const isSame = dueAt === dueBefore && JSON.stringify(state) === JSON.stringify(before)
        return {
          answer,
          items: [],
          effects,
          dueAt,
          ...(isSame ? {} : { memory: { ...state, dueAt } }),
        }
      },
      decideByClock: ({ at, memory }) => {
        const { before } = readMemory(memory, levels.length, at)
        const { level } = before
        const times = timesOf(level)
        const isTold = at >= (dueAtOf(before, times) ?? Number.POSITIVE_INFINITY)
        // Nothing has come that could be judged: it is neither raised nor ended.
        const step = { at, level, ...times, isAcknowledged: false }
        const state = isTold
          ? { ...nextAlert(before, step).state, unseenSince: before.unseenSince ?? at }
          : before
        const dueAt = dueAtOf(state, times)
        const effects = levels.map(({ severity }, number) => ({
          ...reportOf(severity, 'alert'),
          on: number + 1 === level,
        }))
        return {
          ...{
            isTold,
            answer: { ...answerOf(state, { notify: isTold, score: null }), by: 'clock' },
          },
          ...{ items: [], effects, dueAt, ...(isTold ? { memory: { ...state, dueAt } } : {}) },
        }
      },
    }
  },
}

/** When the clock tells it next: not at every moment, and not for ever where nothing comes any more. */
function dueAtOf(state: AlertState, times: AlertTimes): number | null {
  const dueAt = Math.max(noticeAt(state, times), state.notifiedAt + limits.alertClockMsMin)
  const until = (state.unseenSince ?? dueAt) + limits.alertUnseenMsMax
  return Number.isFinite(dueAt) && dueAt < until ? dueAt : null
}

function readMemory(memory: unknown, levelsTotal: number, at: number) {
  const parsed = v.safeParse(memorySchema, memory)
  if (!parsed.success || parsed.output.level > levelsTotal) {
    return { before: calm(at), dueBefore: null }
  }
  const { level, since, notifiedAt } = parsed.output
  const {
    dueAt,
    escalatedAt = notifiedAt,
    isNotified = level > 0 && notifiedAt >= since,
    ...state
  } = parsed.output
  const before: AlertState = { ...state, escalatedAt, isNotified }
  return { before, dueBefore: dueAt }
}
