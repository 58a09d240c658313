import * as v from 'valibot'
import { limits } from '../limits.ts'
import { duplicateName, isNever } from '../policy/condition.ts'
import { everyPlacement, name, ofVisitor, scored } from '../policy/fields.ts'
import { ask, reportOf } from './ask.ts'
import type { Kind, PlacementProblem } from './kind.ts'

/** Least severe first. */
const verdicts = ['allow', 'review', 'block'] as const
export type VerdictWord = (typeof verdicts)[number]

const ruleSchema = v.strictObject({
  name,
  verdict: v.picklist(verdicts),
  when: ofVisitor,
  /** For whoever reviews it. */
  reason: v.optional(name),
})

const schema = v.strictObject({
  ...everyPlacement,
  kind: v.literal('verdict'),
  ...scored,
  /** Scores from which on it is at least this. */
  thresholds: v.optional(
    v.strictObject({ review: v.optional(v.number()), block: v.optional(v.number()) }),
  ),
  /** What it is at least where a rule or the model fails. */
  unsure: v.optional(v.picklist(verdicts), 'review'),
  rules: v.optional(v.pipe(v.array(ruleSchema), v.maxLength(limits.placementRulesMax)), []),
})
type VerdictPlacement = v.InferOutput<typeof schema>

interface Reason {
  /** The rule, or `score`. */
  readonly by: string
  readonly verdict: VerdictWord
  readonly reason: string
}

/** Allow, review or block: the most severe of what the score and the rules say. */
export const verdict: Kind<VerdictPlacement> = {
  schema,
  compile: (placement, compiler) => {
    const rules = placement.rules.map((rule, number) => ({
      rule,
      when: compiler.yesNo(rule.when, ['rules', number, 'when']),
    }))
    return {
      ruleNames: placement.rules.map(({ name: own }) => own),
      check: () => [
        ...checkThresholds(placement),
        ...rules.flatMap(({ rule, when }, number): PlacementProblem[] => {
          const of = (field: string, sentence: string) => [
            { path: ['rules', number, field], offset: 0, sentence },
          ]
          if (isNever(when))
            return of('when', 'it is never true: the rule says something only where it fails')
          const twice = duplicateName(rule.name, placement.rules.slice(0, number))
          if (twice) return of('name', twice)
          return rule.verdict === 'allow' && !placement.thresholds
            ? of('verdict', 'it never acts: there are no thresholds to set aside')
            : []
        }),
      ],
      decide: ({ scope }) => {
        const effects = rules.map(({ rule }) => reportOf(rule.name, 'verdict'))
        const said = rules.flatMap(({ rule, when }, number): Reason[] => {
          const report = effects[number] as ReturnType<typeof reportOf>
          const holds = ask(when, scope, report)
          report.on = holds === true
          const { name: by, reason = '' } = rule
          if (holds === undefined && rule.verdict !== 'allow') {
            return [{ by, verdict: placement.unsure, reason: 'the rule failed' }]
          }
          return holds ? [{ by, verdict: rule.verdict, reason }] : []
        })
        const isAllowed = said.some((each) => each.verdict === 'allow')
        const reasons = isAllowed ? said : [...byScore(placement, scope.score), ...said]
        const severest = Math.max(0, ...reasons.map((each) => verdicts.indexOf(each.verdict)))
        const answer = { verdict: verdicts[severest], score: scope.score ?? null, reasons }
        return { answer, items: [], effects }
      },
    }
  },
}

function byScore({ thresholds, unsure }: VerdictPlacement, score: number | undefined): Reason[] {
  if (!thresholds) return []
  if (score === undefined) {
    return [{ by: 'score', verdict: unsure, reason: 'the model gave no score' }]
  }
  for (const word of ['block', 'review'] as const) {
    const from = thresholds[word]
    if (from !== undefined && score >= from) {
      return [{ by: 'score', verdict: word, reason: `from ${from}` }]
    }
  }
  return []
}

function checkThresholds({ thresholds, model }: VerdictPlacement): PlacementProblem[] {
  if (!thresholds) return []
  const of = (path: string[], sentence: string) => [{ path, offset: 0, sentence }]
  if (model === undefined) return of(['thresholds'], 'they need a model that gives a score')
  const { review, block } = thresholds
  const isHidden = review !== undefined && block !== undefined && review >= block
  return isHidden ? of(['thresholds', 'review'], `it never acts: block begins at ${block}`) : []
}
