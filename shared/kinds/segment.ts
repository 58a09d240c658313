import * as v from 'valibot'
import { limits } from '../limits.ts'
import { type Condition, duplicateName, isNever, takenBy } from '../policy/condition.ts'
import { everyPlacement, name, ofVisitor, scored } from '../policy/fields.ts'
import { ask, reportOf } from './ask.ts'
import type { Kind, PlacementProblem } from './kind.ts'

const schema = v.strictObject({
  ...everyPlacement,
  kind: v.literal('segment'),
  ...scored,
  /** The first of which `when` is true is the visitor's; left out, they are those that its model has learned. */
  segments: v.optional(
    v.pipe(
      v.array(v.strictObject({ name, when: ofVisitor })),
      v.minLength(1),
      v.maxLength(limits.placementRulesMax),
    ),
  ),
  /** Where none is. */
  otherwise: name,
})
type SegmentPlacement = v.InferOutput<typeof schema>

/** What is remembered of a visitor, epoch ms. */
const memorySchema = v.object({ segment: v.string(), since: v.number() })

/** Where a visitor belongs now; it may change with the next event. */
export const segment: Kind<SegmentPlacement> = {
  schema,
  compile: ({ segments, otherwise }, compiler) => {
    const isLearned = segments === undefined
    const compiled = (segments ?? []).map(({ name: own, when }, number) => ({
      ...{ name: own, text: when },
      ready: compiler.yesNo(when, ['segments', number, 'when']),
    }))
    return {
      ruleNames: compiled.map(({ name: own }) => own),
      check: () => compiled.flatMap(checking(compiled)),
      decide: ({ scope, at, memory, segmentNames }) => {
        const effects = compiled.map((each) => {
          const report = reportOf(each.name, 'segment')
          // A segment that fails is not the visitor's: the next one is asked.
          report.on = ask(each.ready, scope, report) === true
          return report
        })
        const learned = isLearned ? segmentNames?.[scope.score ?? -1] : undefined
        const named = effects.filter(({ on }) => on).map((each) => each.name)
        const segmentsNow = learned === undefined ? named : [learned]
        const now = segmentsNow[0] ?? otherwise
        const before = v.safeParse(memorySchema, memory)
        const last = before.success ? before.output : null
        const isSame = last?.segment === now
        const since = isSame ? last.since : at
        return {
          answer: { segment: now, segments: segmentsNow, before: last?.segment ?? null, since },
          ...{ items: [], effects },
          ...(isSame ? {} : { memory: { segment: now, since } }),
        }
      },
    }
  },
}

function checking(all: readonly Condition[]) {
  return (condition: Condition, number: number): PlacementProblem[] => {
    const of = (field: string, sentence: string) => [
      { path: ['segments', number, field], offset: 0, sentence },
    ]
    if (isNever(condition.ready)) return of('when', 'it is never true, so nobody is in it')
    const earlier = all.slice(0, number)
    const twice = duplicateName(condition.name, earlier)
    if (twice) return of('name', twice)
    const taken = takenBy(condition, earlier)
    if (taken === null) return []
    const whose = {
      always: 'takes everyone',
      same: 'has the same condition',
      wider: 'takes everyone for whom it is true',
    }[taken.how]
    return of('when', `nobody is left for it: ${taken.name} ${whose}`)
  }
}
