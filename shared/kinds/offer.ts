import * as v from 'valibot'
import { limits } from '../limits.ts'
import {
  type Budget,
  budgetSchema,
  codeSchema,
  declaredBudget,
  type OfferCode,
} from '../offers/budget.ts'
import { type Given, type GivenBound, givenAgain, givenOf, readGiven } from '../offers/given.ts'
import type { Reservation, WantedIssue } from '../offers/reservation.ts'
import { once } from '../once.ts'
import { duplicateName, isNever, takenBy } from '../policy/condition.ts'
import type { Expression, Scope } from '../policy/expression.ts'
import {
  durationMs,
  everyPlacement,
  everyRule,
  fieldName,
  scored,
  whole,
} from '../policy/fields.ts'
import { isOn, reportOf } from './ask.ts'
import type { Kind, PlacementProblem } from './kind.ts'

const heldMsDefault = 24 * 3_600_000

const offerSchema = v.pipe(
  v.strictObject({
    ...everyRule,
    /** What it is, for whoever shows it: `{ percent: 10 }`. */
    terms: v.optional(v.record(fieldName, v.union([v.string(), v.number(), v.boolean()])), {}),
    budget: v.optional(budgetSchema),
    code: v.optional(codeSchema),
    /** How often a visitor may be given it. */
    perVisitor: v.optional(
      v.pipe(
        whole(1, limits.issuesPerVisitorMax),
        v.description('How often a visitor may have it.'),
      ),
    ),
    /** How long a visitor gets the same again, with the same code, and it counts once; a day where it is left out. */
    heldMs: v.optional(durationMs),
  }),
  v.check(
    ({ budget, code }) => budget !== undefined || typeof code !== 'object',
    'a budget, which codes that are for one visitor each are counted by',
  ),
)

const schema = v.strictObject({
  ...everyPlacement,
  kind: v.literal('offer'),
  ...scored,
  /** The first that a visitor may have is offered. */
  offers: v.pipe(v.array(offerSchema), v.minLength(1), v.maxLength(limits.placementRulesMax)),
})
type OfferPlacement = v.InferOutput<typeof schema>

/** An offer, or why there is none. */
export const offer: Kind<OfferPlacement> = {
  schema: schema as Kind<OfferPlacement>['schema'],
  compile: ({ offers }, compiler) => {
    const compiled = offers.map((each, number) => ({
      ...{ name: each.name, terms: each.terms, text: textOf(each.code), when: each.when },
      ...{ wanted: wantedOf(each), perVisitor: each.perVisitor ?? null },
      heldMs: each.heldMs ?? heldMsDefault,
      isFor: compiler.yesNo(each.when, ['offers', number, 'when']),
    }))
    const charactersMax = compiler.memoryCharactersMax
    const know = (memory: unknown, at: number): Known => {
      const given = readGiven(memory)
      const binding = (each: Given[number]) =>
        compiled.some((own) => isSame(own, each) && binds(own, each, at))
      const room = once(() => charactersMax - JSON.stringify(given.filter(binding)).length)
      return { given, at, charactersMax, binds: binding, room }
    }
    const isAnyWanted = compiled.some(({ wanted }) => wanted !== null)
    return {
      ruleNames: offers.map(({ name }) => name),
      check: () => checked(compiled),
      ...(isAnyWanted && {
        wants: ({ scope, memory, at, itemsMax }) =>
          itemsMax === 0 ? [] : wants(compiled, scope, know(memory, at)),
      }),
      decide: ({ scope, at, memory, itemsMax, reservations = [] }) => {
        const known = know(memory, at)
        const effects = compiled.map(({ name }) => reportOf(name, 'offer'))
        const none = (reason: string) => ({
          ...{ answer: { offer: null, terms: {}, code: null, reason }, items: [], effects },
        })
        if (itemsMax === 0) return none('holdout')
        let why: string | null = null
        for (const [number, each] of compiled.entries()) {
          const report = effects[number] as ReturnType<typeof reportOf>
          // One whose condition fails is not for this visitor.
          if (!isOn(each.isFor, scope, report)) continue
          const found = issueOf(each, known, reservations)
          if (found.reason !== null) {
            report.reason = found.reason
            why ??= found.reason
            continue
          }
          report.on = true
          const { code, heldUntil } = found
          const answer = { offer: each.name, terms: each.terms, code, reason: null }
          const held = heldUntil === null ? {} : { heldUntil }
          return {
            answer: { ...answer, ...held },
            items: [],
            effects,
            ...memoryOf(each, known, found),
          }
        }
        return none(why ?? 'not_eligible')
      },
    }
  },
}

interface CompiledOffer {
  readonly name: string
  readonly terms: OfferPlacement['offers'][number]['terms']
  /** Its code for everybody. */
  readonly text: string | null
  /** What has to be reserved for it. */
  readonly wanted: WantedIssue | null
  readonly perVisitor: number | null
  readonly heldMs: number
  readonly when: string | undefined
  readonly isFor: Expression | null
}

type Issue =
  | { readonly reason: string }
  | {
      readonly reason: null
      readonly code: string | null
      readonly heldUntil: number | null
      readonly isNew: boolean
    }

function textOf(code: OfferCode | undefined): string | null {
  return typeof code === 'string' ? code : null
}

function wantedOf(each: {
  readonly name: string
  readonly budget?: Budget | undefined
  readonly code?: OfferCode | undefined
  readonly perVisitor?: number | undefined
  readonly heldMs?: number | undefined
}): WantedIssue | null {
  const declared = declaredBudget(each)
  if (declared === null) return null
  const { offer: name, budget, code, prefix } = declared
  return {
    ...{ offer: name, budget, code, prefix },
    issuesPerVisitorMax: each.perVisitor ?? null,
    heldMs: each.heldMs ?? heldMsDefault,
  }
}

/** What has to be reserved before it can be decided: offers in their order, up to one that needs nothing. */
function wants(compiled: readonly CompiledOffer[], scope: Scope, known: Known): WantedIssue[] {
  const wanted: WantedIssue[] = []
  for (const each of compiled) {
    // Failures are counted where it is decided.
    if (!isOn(each.isFor, scope, reportOf(each.name, 'offer'))) continue
    const { reason } = issueOf(each, known, [])
    if (reason === null) return wanted
    if (reason === 'budget_unknown' && each.wanted) wanted.push(each.wanted)
  }
  return wanted
}

function nameOf({ name, wanted }: CompiledOffer) {
  return { offer: name, budget: wanted?.budget ?? null }
}

function isSame(each: CompiledOffer, { offer: name, budget }: Given[number]): boolean {
  const own = nameOf(each)
  return own.offer === name && own.budget === budget
}

/** Whether it would be given anew if this were forgotten. */
function binds({ perVisitor }: CompiledOffer, { heldUntil }: Given[number], at: number): boolean {
  return perVisitor !== null || at < heldUntil
}

/** What a visitor was given, at a moment (epoch ms), and what of it has to be kept. */
interface Known extends GivenBound {
  readonly given: Given
  readonly at: number
  /** Characters that are left beside what binds. */
  readonly room: () => number
}

/** Whether a new issue could be remembered, whatever its code is. */
function hasRoom(each: CompiledOffer, { given, room, binds }: Known): boolean {
  const code = each.text ?? '"'.repeat(limits.offerCodeCharactersMax)
  const before = givenOf(given, nameOf(each))
  const issue = { ...nameOf(each), times: limits.issuesPerVisitorMax, heldUntil: 1e15, code }
  return charactersOf(issue) <= room() + (before && binds(before) ? charactersOf(before) : 0)
}

/** As JSON in a list. */
function charactersOf(given: Given[number]): number {
  return JSON.stringify(given).length + 1
}

/** One issue of an offer for this visitor: the one it holds, or a new one; or why not. */
function issueOf(each: CompiledOffer, known: Known, reservations: readonly Reservation[]): Issue {
  const { text, wanted, perVisitor, heldMs } = each
  const { given, at } = known
  const before = givenOf(given, nameOf(each))
  if (before && at < before.heldUntil) {
    const { code, heldUntil } = before
    return { reason: null, code: text ?? code, heldUntil, isNew: false }
  }
  if (before && perVisitor !== null && before.times >= perVisitor) return { reason: 'visitor_cap' }
  if (wanted === null && perVisitor === null) {
    return { reason: null, code: text, heldUntil: null, isNew: true }
  }
  if (!hasRoom(each, known)) return { reason: 'too_many_offers' }
  if (wanted === null) return { reason: null, code: text, heldUntil: at + heldMs, isNew: true }
  const reserved = reservations.find((one) => one.offer === wanted.offer)
  if (reserved === undefined) return { reason: 'budget_unknown' }
  if (reserved.outcome !== 'reserved') return { reason: reserved.outcome }
  return { reason: null, code: text ?? reserved.code, heldUntil: reserved.heldUntil, isNew: true }
}

/** What is remembered of an issue where the next decision has to know of it. */
function memoryOf(
  each: CompiledOffer,
  known: Known,
  { code, heldUntil, isNew }: Issue & { reason: null },
) {
  if (!isNew || heldUntil === null) return {}
  const memory = givenAgain(known.given, nameOf(each), { heldUntil, code }, known)
  // There was room; a code longer than codes may be leaves what was remembered as it is.
  return memory === null ? {} : { memory }
}

function checked(compiled: readonly CompiledOffer[]): PlacementProblem[] {
  return compiled.flatMap(({ name, when, isFor }, number): PlacementProblem[] => {
    const of = (field: string, sentence: string) => [
      { path: ['offers', number, field], offset: 0, sentence },
    ]
    if (isNever(isFor)) return of('when', 'it is never true, so nobody gets it')
    const earlier = compiled.slice(0, number)
    const twice = duplicateName(name, earlier)
    if (twice) return of('name', twice)
    // One that can be spent, or be had often enough, leaves somebody for the next.
    const endless = earlier.filter((each) => each.wanted === null && each.perVisitor === null)
    const taken = takenBy(
      { name, text: when, ready: isFor },
      endless.map((each) => ({ name: each.name, text: each.when, ready: each.isFor })),
    )
    if (taken === null) return []
    const whose = {
      always: 'is for everyone',
      same: 'has the same condition',
      wider: 'is for everyone for whom it is',
    }[taken.how]
    return of('name', `nobody is left for it: ${taken.name} ${whose}`)
  })
}
