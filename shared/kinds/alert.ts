import * as v from 'valibot'
import { limits } from '../limits.ts'
import { duplicateName, isNever } from '../policy/condition.ts'
import { durationMs, everyPlacement, name, ofVisitor, scored } from '../policy/fields.ts'
import { type AlertState, calm, nextAlert } from './alert-state.ts'
import { ask, reportOf } from './ask.ts'
import type { Kind, PlacementProblem } from './kind.ts'

const levelSchema = v.strictObject({
  severity: name,
  /** It is raised when this is true, */
  on: ofVisitor,
  /** and stays until this is: a threshold apart from the first keeps it from flickering. */
  off: v.optional(ofVisitor),
  /** Told again, one step further up, whenever nobody has acknowledged it for so long. */
  escalateMs: v.optional(durationMs),
})

const schema = v.strictObject({
  ...everyPlacement,
  kind: v.literal('alert'),
  ...scored,
  /** Least severe first. */
  levels: v.pipe(v.array(levelSchema), v.minLength(1), v.maxLength(limits.alertLevelsMax)),
  /** After a notice the same severity, or a lesser one, is not told anew for so long. */
  silenceMs: v.optional(durationMs),
  /** The name of the event by which somebody acknowledges the alert; with `on`, it is listened to as those are. */
  acknowledgedBy: v.optional(name),
})
type AlertPlacement = v.InferOutput<typeof schema>

const memorySchema = v.object({
  ...{ level: v.number(), since: v.number(), notifiedAt: v.number(), notifiedLevel: v.number() },
  ...{ acknowledgedAt: v.nullable(v.number()), escalation: v.number() },
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
    return {
      ruleNames: placement.levels.map(({ severity }) => severity),
      hears: placement.acknowledgedBy,
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
        const before = stateOf(memory, levels.length, at)
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
        const { acknowledgedBy, silenceMs = 0 } = placement
        const { state, notify } = nextAlert(before, {
          ...{ at, level, silenceMs, escalateMs: placement.levels[level - 1]?.escalateMs ?? null },
          isAcknowledged: events.some(({ event }) => event !== '' && event === acknowledgedBy),
        })
        const answer = {
          severity: levels[level - 1]?.severity ?? null,
          notify,
          acknowledged: state.acknowledgedAt !== null,
          escalation: state.escalation,
          since: level === 0 ? null : state.since,
          score: scope.score ?? null,
        }
        const isChanged = JSON.stringify(state) !== JSON.stringify(before)
        return { answer, items: [], effects, ...(isChanged ? { memory: state } : {}) }
      },
    }
  },
}

function stateOf(memory: unknown, levelsTotal: number, at: number): AlertState {
  const parsed = v.safeParse(memorySchema, memory)
  const isOfThese = parsed.success && parsed.output.level <= levelsTotal
  return isOfThese ? parsed.output : calm(at)
}
