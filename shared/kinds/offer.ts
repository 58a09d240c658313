import * as v from 'valibot'
import { limits } from '../limits.ts'
import { constantOf, duplicateName } from '../policy/constant.ts'
import { everyPlacement, everyRule, fieldName, scoringModel } from '../policy/fields.ts'
import { isOn, reportOf } from './ask.ts'
import type { Kind, PlacementProblem } from './kind.ts'

const offerSchema = v.strictObject({
  ...everyRule,
  /** What it is, for whoever shows it: `{ percent: 10 }`. */
  terms: v.optional(v.record(fieldName, v.union([v.string(), v.number(), v.boolean()])), {}),
})

const schema = v.strictObject({
  ...everyPlacement,
  kind: v.literal('offer'),
  model: scoringModel,
  /** The first that a visitor may have is offered. */
  offers: v.pipe(v.array(offerSchema), v.minLength(1), v.maxLength(limits.placementRulesMax)),
})
type OfferPlacement = v.InferOutput<typeof schema>

/** An offer, or why there is none. */
export const offer: Kind<OfferPlacement> = {
  schema,
  compile: ({ offers }, compiler) => {
    const compiled = offers.map((each, number) => ({
      ...each,
      isFor: compiler.yesNo(each.when, ['offers', number, 'when']),
    }))
    return {
      ruleNames: offers.map(({ name }) => name),
      check: () =>
        compiled.flatMap(({ name, isFor }, number): PlacementProblem[] => {
          const of = (field: string, sentence: string) => [
            { path: ['offers', number, field], offset: 0, sentence },
          ]
          if (constantOf(isFor) === false) return of('when', 'it is never true, so nobody gets it')
          const earlier = compiled.slice(0, number)
          const twice = duplicateName(name, earlier)
          if (twice) return of('name', twice)
          const always = earlier.find((each) => each.isFor === null)
          return always ? of('name', `nobody is left for it: ${always.name} is for everyone`) : []
        }),
      decide: ({ scope }) => {
        const effects = compiled.map(({ name }) => reportOf(name, 'offer'))
        // One whose condition fails is not for this visitor.
        const found = compiled.find(({ isFor }, number) =>
          isOn(isFor, scope, effects[number] as ReturnType<typeof reportOf>),
        )
        for (const report of effects) report.on = report.name === found?.name
        const answer = found
          ? { offer: found.name, terms: found.terms, code: null, reason: null }
          : { offer: null, terms: {}, code: null, reason: 'not_eligible' }
        return { answer, items: [], effects }
      },
    }
  },
}
