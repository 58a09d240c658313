import * as v from 'valibot'
import { sha256TextHex } from '../digest.ts'
import { limits } from '../limits.ts'
import { duplicateName, isNever } from '../policy/condition.ts'
import {
  durationMs,
  everyPlacement,
  everyRule,
  numberOfVisitor,
  scored,
  textOfVisitor,
} from '../policy/fields.ts'
import { ask, isOn, reportOf } from './ask.ts'
import type { Kind, PlacementProblem } from './kind.ts'
import { guarded, isMoney, stepsWithin } from './price-guard.ts'

const money = v.pipe(
  v.number(),
  v.minValue(0),
  v.maxValue(1e9),
  v.check(isMoney, 'must have at most four decimal places'),
)
const ruleSchema = v.variant('effect', [
  v.strictObject({ ...everyRule, effect: v.literal('factor'), by: numberOfVisitor }),
  v.strictObject({ ...everyRule, effect: v.literal('add'), by: numberOfVisitor }),
])

/** Floor, ceiling and step hold always; `change` from one price of a visitor to the next. */
const schema = v.pipe(
  v.strictObject({
    ...everyPlacement,
    kind: v.literal('price'),
    ...scored,
    /** What the rules start from, such as `current.price` or `event.fare`. */
    base: numberOfVisitor,
    /** What the price is of; a visitor has one price for each. The item looked at where it is left out. */
    subject: v.optional(textOfVisitor, 'current.id'),
    floor: money,
    ceiling: money,
    /** Every price is a multiple of it. */
    step: v.optional(v.pipe(money, v.minValue(0.0001)), 0.01),
    /** A price may differ from the visitor's last by this share of it in so long, and less in less. */
    change: v.optional(
      v.strictObject({
        shareMax: v.pipe(v.number(), v.minValue(0), v.maxValue(10)),
        perMs: durationMs,
      }),
    ),
    /** How long a visitor keeps a price. */
    heldMs: v.optional(
      v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(limits.visitorRetentionMs)),
      0,
    ),
    rules: v.pipe(v.array(ruleSchema), v.maxLength(limits.placementRulesMax)),
  }),
  v.check(
    (placement) => stepsWithin(placement) !== null,
    'no multiple of its step lies between floor and ceiling',
  ),
)
type PricePlacement = v.InferOutput<typeof schema>

/** The prices a visitor was last given, newest last, by what their subject is remembered by; times in epoch ms. */
const memorySchema = v.array(
  v.strictObject({ subject: v.string(), price: v.number(), at: v.number() }),
)
type Given = v.InferOutput<typeof memorySchema>[number]

/** As JSON, with its quotes. */
const subjectCharactersMax = 64
const digestPattern = /^sha256:[0-9a-f]{64}$/

/** A price within guard rails: the base, changed by the rules in their order. */
export const price: Kind<PricePlacement> = {
  schema: schema as Kind<PricePlacement>['schema'],
  compile: (placement, compiler) => {
    const base = compiler.number(placement.base, ['base'])
    const subject = compiler.text(placement.subject, ['subject'])
    const rules = placement.rules.map((rule, number) => ({
      rule,
      when: compiler.yesNo(rule.when, ['rules', number, 'when']),
      by: compiler.number(rule.by, ['rules', number, 'by']),
    }))
    /** The prices to remember: the oldest that bind no more give way; null where there is no room. */
    const withPrice = (others: readonly Given[], newest: Given): Given[] | null => {
      const kept = [...others, newest]
      while (!hasRoom(kept, compiler.memoryCharactersMax)) {
        const [oldest] = kept
        if (oldest === newest || newest.at < boundUntil(oldest as Given, placement)) return null
        kept.shift()
      }
      return kept
    }
    return {
      ruleNames: ['base', ...placement.rules.map(({ name }) => name)],
      check: () =>
        rules.flatMap(({ rule, when }, number): PlacementProblem[] => {
          const of = (field: string, sentence: string) => [
            { path: ['rules', number, field], offset: 0, sentence },
          ]
          if (isNever(when)) return of('when', 'it is never true, so it never acts')
          const twice = duplicateName(rule.name, placement.rules.slice(0, number))
          return twice ? of('name', twice) : []
        }),
      decide: ({ scope, at, memory }) => {
        const own = reportOf('base', 'price')
        const effects = [own, ...rules.map(({ rule }) => reportOf(rule.name, 'price'))]
        const of = ask(subject, scope, own)
        const given = readGiven(memory)
        const key = of === undefined ? undefined : keyOf(of)
        const last = given.find(({ subject }) => subject === key)
        const tell = (told: object) => ({
          answer: { subject: of ?? null, ...told },
          items: [],
          effects,
        })
        if (key === undefined) return tell({ price: null, reason: 'no_subject' })
        const heldUntil = last ? last.at + placement.heldMs : 0
        // A price of a policy that has changed since is given no longer where it is outside the rails.
        if (last && at < heldUntil && guarded(last.price, placement).rail === null) {
          return tell({ price: last.price, held: true, heldUntil, rail: null, reason: null })
        }
        const start = ask(base, scope, own)
        own.on = start !== undefined
        if (start === undefined) return tell({ price: null, reason: 'no_base_price' })
        own.amount = start
        const wanted = rules.reduce((sum, { rule, when, by }, number) => {
          const report = effects[number + 1] as ReturnType<typeof reportOf>
          if (!isOn(when, scope, report)) return sum
          const amount = ask(by, scope, report)
          const next = rule.effect === 'add' ? sum + (amount ?? 0) : sum * (amount ?? 1)
          report.on = amount !== undefined && Number.isFinite(next)
          if (report.on) report.amount = amount as number
          // A rule that fails, or leads past every number, does nothing.
          return report.on ? next : sum
        }, start)
        const { price: told, rail } = guarded(wanted, placement, last && { ...last, now: at })
        const isKept = placement.heldMs > 0 || placement.change !== undefined
        const others = given.filter((each) => each !== last)
        const kept = isKept ? withPrice(others, { subject: key, price: told, at }) : []
        // One that is forgotten is free of its rails: while all of them bind there is none of anything else.
        if (kept === null) return tell({ price: null, reason: 'too_many_prices' })
        return {
          ...tell({
            price: told,
            held: false,
            heldUntil: at + placement.heldMs,
            rail,
            reason: null,
          }),
          ...(isKept && { memory: kept }),
        }
      },
    }
  },
}

/** Until when the next price of the same subject depends on this one, epoch ms. */
function boundUntil({ at }: Given, { heldMs, change }: PricePlacement): number {
  return at + Math.max(heldMs, change?.perMs ?? 0)
}

function hasRoom(given: readonly Given[], charactersMax: number): boolean {
  return given.length <= limits.pricesHeldMax && JSON.stringify(given).length <= charactersMax
}

/** What a subject is remembered by: a long one by its digest, which is longer than any that stays as it is. */
function keyOf(subject: string): string {
  const isShort = JSON.stringify(subject).length <= subjectCharactersMax
  return isShort ? subject : `sha256:${sha256TextHex(subject)}`
}

/** Long subjects were remembered as they are until 2026-11-26. */
function readGiven(memory: unknown): readonly Given[] {
  const parsed = v.safeParse(memorySchema, memory)
  if (!parsed.success) return []
  return parsed.output.map(({ subject, ...given }) => ({
    subject: digestPattern.test(subject) ? subject : keyOf(subject),
    ...given,
  }))
}
