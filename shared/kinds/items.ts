import type { ASTNode } from '@marcbachmann/cel-js'
import * as v from 'valibot'
import { decideItems } from '../decide.ts'
import { limits } from '../limits.ts'
import { modelNameSchema } from '../model.ts'
import {
  type Condition,
  canAllHold,
  duplicateName,
  isAlways,
  isNever,
  takenBy,
} from '../policy/condition.ts'
import type { Expression } from '../policy/expression.ts'
import { durationMs, everyPlacement, everyRule, ofItem, share, whole } from '../policy/fields.ts'
import { itemIs } from '../policy/syntax.ts'
import { Verdicts } from '../policy/verdicts.ts'
import type { Kind, PlacementProblem } from './kind.ts'

const position = v.pipe(
  whole(1, limits.decisionItemsMax),
  v.description('Place in the answer; the first is 1.'),
)

const shownMax = whole(1, limits.shownTimesMax)

export const ruleSchema = v.variant('effect', [
  /** Hides every item of which `keep` is not true. */
  v.strictObject({ ...everyRule, effect: v.literal('filter'), keep: ofItem }),
  /** Multiplies the score of the items of which `where` is true. */
  v.strictObject({
    ...everyRule,
    effect: v.literal('boost'),
    where: ofItem,
    factor: v.pipe(v.number(), v.minValue(0), v.maxValue(1_000)),
  }),
  /** Puts one item of the catalogue at one place. */
  v.strictObject({
    ...everyRule,
    effect: v.literal('pin'),
    item: v.pipe(v.string(), v.minLength(1), v.maxLength(limits.idCharactersMax)),
    position,
  }),
  /** Keeps one place for the best item of which `where` is true. */
  v.strictObject({ ...everyRule, effect: v.literal('slot'), where: ofItem, position }),
  /** At most this many items of one category; an item without a category is not counted. */
  v.strictObject({
    ...everyRule,
    effect: v.literal('category-cap'),
    itemsMax: whole(1, limits.decisionItemsMax),
  }),
  /** Hides an item that this placement has shown the visitor `shownMax` times within the last `windowMs`. */
  v.strictObject({
    ...everyRule,
    effect: v.literal('frequency-cap'),
    where: v.optional(ofItem),
    shownMax,
    windowMs: durationMs,
  }),
  /** Hides an item for `pauseMs` once it was shown `shownMax` times without such a pause in between. */
  v.strictObject({
    ...everyRule,
    effect: v.literal('cool-down'),
    where: v.optional(ofItem),
    shownMax,
    pauseMs: durationMs,
  }),
  /** Maximal marginal relevance (Carbonell and Goldstein 1998): 1 goes by the score, 0 by new categories. */
  v.strictObject({ ...everyRule, effect: v.literal('diversity'), relevance: share }),
])
export type ItemRule = v.InferOutput<typeof ruleSchema>

/** A choice that is rarer would speak for more than a hundred others. */
const propensityMin = 0.01

/** What is left to chance, so that the log tells what other choices would have brought (hub/experiments/estimate/). */
const exploreSchema = v.pipe(
  v.strictObject({
    share: v.pipe(
      v.number(),
      v.minValue(0.001),
      v.maxValue(0.5),
      v.description('Of so many decisions chance chooses the first item.'),
    ),
    among: v.pipe(
      whole(2, 20),
      v.description('Of so many of the best items, each as likely as the others.'),
    ),
  }),
  v.check(
    ({ share, among }) => share / among >= propensityMin,
    `each item needs a chance of ${propensityMin * 100} % or more: a larger share, or among fewer`,
  ),
)

const schema = v.strictObject({
  ...everyPlacement,
  kind: v.literal('items'),
  /** `popularity`, or a model of the release that names items. */
  model: modelNameSchema,
  itemsMax: whole(1, limits.decisionItemsMax),
  explore: v.optional(exploreSchema),
  rules: v.optional(v.pipe(v.array(ruleSchema), v.maxLength(limits.placementRulesMax)), []),
})
export type ItemsPlacement = v.InferOutput<typeof schema>

/** A rule with its expressions ready. */
export interface CompiledRule {
  readonly rule: ItemRule
  /** Asked once a decision; null where the rule is always on. */
  readonly when: Expression | null
  /** Asked of an item: `keep` of a filter, `where` of a boost or slot. */
  readonly test: Expression | null
  /** Its answers so far where they depend on the item alone; kept while the release lives. */
  readonly verdicts: Verdicts | null
}

/** A placement of items with its rules ready. */
export interface CompiledItems {
  readonly placement: ItemsPlacement
  readonly rules: readonly CompiledRule[]
  readonly memoryCharactersMax: number
}

/** A list of items to show, best first. */
export const items: Kind<ItemsPlacement> = {
  schema,
  compile: (placement, compiler) => {
    const rules = placement.rules.map((rule, number): CompiledRule => {
      const path = ['rules', number]
      const when = compiler.yesNo(rule.when, [...path, 'when'])
      const field = testField(rule)
      const test = compiler.ofItem(textOf(rule), [...path, field])
      const isOfItem = test !== null && [...test.reads].every((read) => read === 'item')
      return { rule, when, test, verdicts: isOfItem ? new Verdicts(compiler.itemsKept) : null }
    })
    const compiled = { placement, rules, memoryCharactersMax: compiler.memoryCharactersMax }
    return {
      ruleNames: placement.rules.map(({ name: own }) => own),
      check: () => [...tooCostly(rules), ...rules.flatMap(checking(compiled))],
      decide: (input) => ({ answer: {}, ...decideItems({ ...input, placement: compiled }) }),
    }
  },
}

const testField = (rule: ItemRule) => (rule.effect === 'filter' ? 'keep' : 'where')

function textOf(rule: ItemRule): string | undefined {
  if (rule.effect === 'filter') return rule.keep
  return 'where' in rule ? rule.where : undefined
}

function tooCostly(rules: readonly CompiledRule[]): PlacementProblem[] {
  const steps = rules.reduce((sum, rule) => sum + (rule.verdicts ? 0 : (rule.test?.steps ?? 0)), 0)
  if (steps <= limits.placementStepsMax) return []
  const sentence = `its rules may take ${steps} steps an item, ${limits.placementStepsMax} are allowed`
  return [{ path: ['rules'], offset: 0, sentence }]
}

/** Effects of which the first that is on acts. */
const singles = new Set<ItemRule['effect']>(['category-cap', 'diversity'])

/** Why a rule can never act; nothing where it can. */
function checking({ placement, rules }: CompiledItems) {
  return ({ rule, when, test }: CompiledRule, number: number): PlacementProblem[] => {
    const of = (field: string, sentence: string) => [
      { path: ['rules', number, field], offset: 0, sentence },
    ]
    if (rule.effect === 'filter') {
      if (isNever(when)) return of('when', 'it is never true: the filter is on only where it fails')
      const isOn = isAlways({ text: rule.when, ready: when })
      if (isOn && isNever(test)) return of('keep', 'it is never true, so nothing is ever shown')
      const isIdle = isAlways({ text: rule.keep, ready: test })
      if (isIdle) return of('keep', 'it is always true: say what it depends on')
    } else {
      if (isNever(when)) return of('when', 'it is never true, so the rule never acts')
      if (isNever(test)) return of('where', 'it is never true, so the rule never acts')
    }
    const earlier = rules.slice(0, number)
    const own = aboutOf({ rule, test })
    const rivals = rule.effect === 'filter' ? earlier : rules
    const hiding = own && rivals.find((each) => hidesAll(each, own))
    if (hiding) {
      const why = `the filter ${hiding.rule.name} hides all that it`
      if (rule.effect === 'filter') return of('keep', `${why} keeps, so nothing is ever shown`)
      const field = rule.effect === 'pin' ? 'item' : 'where'
      return of(field, `${why} is about, so the rule never acts`)
    }
    const twice = duplicateName(
      rule.name,
      earlier.map((each) => each.rule),
    )
    if (twice) return of('name', twice)
    const takenIn = (rivals: readonly CompiledRule[]) =>
      takenBy(conditionOf({ rule, when }), rivals.map(conditionOf))
    if (rule.effect === 'pin' || rule.effect === 'slot') {
      const { itemsMax } = placement
      if (rule.position > itemsMax) return of('position', `the placement has ${itemsMax} places`)
      // Another rule for the same place is no mistake: it acts where the item of the first is filtered, or nothing fits.
    }
    if (!singles.has(rule.effect)) return []
    const first = takenIn(earlier.filter((each) => each.rule.effect === rule.effect))
    if (first === null) return []
    const why = {
      always: 'always goes before it',
      same: 'goes before it, on the same condition',
      wider: 'goes before it wherever it is on',
    }[first.how]
    return of('effect', `the rule ${first.name} ${why}, so it never acts`)
  }
}

/** What is true of each item that a rule is about; null where it may be about any. */
function aboutOf({ rule, test }: Pick<CompiledRule, 'rule' | 'test'>): ASTNode | null {
  return rule.effect === 'pin' ? itemIs(rule.item) : (test?.ast ?? null)
}

/** Whether a rule is a filter that is always on and keeps no item of which a condition is true. */
function hidesAll({ rule, when, test }: CompiledRule, condition: ASTNode): boolean {
  if (rule.effect !== 'filter' || test === null) return false
  return isAlways({ text: rule.when, ready: when }) && !canAllHold([condition, test.ast])
}

function conditionOf({ rule, when }: Pick<CompiledRule, 'rule' | 'when'>): Condition {
  return { name: rule.name, text: rule.when, ready: when }
}
