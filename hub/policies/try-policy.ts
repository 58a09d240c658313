import { isDeepStrictEqual } from 'node:util'
import * as v from 'valibot'
import { parse } from 'yaml'
import { visitorKey } from '#shared/id.ts'
import { jsonObject } from '#shared/json-object.ts'
import type { Outcome } from '#shared/kinds/kind.ts'
import { limits } from '#shared/limits.ts'
import {
  type Reservation,
  reservationOutcomes,
  type WantedIssue,
} from '#shared/offers/reservation.ts'
import { readPlainly } from '#shared/plain-problem.ts'
import { compilePolicy } from '#shared/policy/compile.ts'
import { RuleItem } from '#shared/policy/facts.ts'
import { scopeOf } from '#shared/policy/scope.ts'
import { itemFactsSchema, type Policy } from '#shared/policy.ts'
import { type Totals, totalNames, totalsAt } from '#shared/totals.ts'

const count = v.optional(v.pipe(v.number(), v.integer(), v.minValue(0)), 0)
const scored = v.array(v.strictObject({ id: v.string(), score: v.number() }))

const visitorId = v.pipe(v.string(), v.minLength(1), v.maxLength(limits.idCharactersMax))

/** A question to a placement as a person writes it: what would be known of a visitor and a moment. */
const questionSchema = v.pipe(
  v.strictObject({
    name: v.optional(v.string(), ''),
    placement: v.string(),
    /** Who asks: as a question to a POP names them, or by the key under which POP and store have them. */
    anonymousId: v.optional(visitorId),
    userId: v.optional(visitorId),
    visitor: v.optional(v.string()),
    /** ISO 8601; the answer depends on no other clock. */
    at: v.optional(v.pipe(v.string(), v.isoTimestamp()), '2026-01-05T12:00:00Z'),
    context: v.optional(jsonObject(), {}),
    /** Properties of the newest event. */
    event: v.optional(jsonObject(), {}),
    /** Names of the events that it brings, in their order: what acknowledges an alert is among them. */
    events: v.optional(v.array(v.string()), []),
    score: v.optional(v.nullable(v.number()), null),
    session: v.optional(
      v.strictObject({
        ...{ events: count, views: count, carts: count, purchases: count },
        spend: v.optional(v.number(), 0),
        lengthMs: count,
        items: v.optional(v.array(v.string()), []),
        bot: v.optional(v.boolean(), false),
      }),
    ),
    totals: v.optional(v.partial(v.strictObject(v.entriesFromList(totalNames, v.number()))), {}),
    /** Nothing has come, and the time has that `memory` asked for: an alert that nobody acknowledged. */
    by: v.optional(v.literal('clock')),
    /** What the placement remembers of the visitor. */
    memory: v.optional(v.unknown(), null),
    catalogue: v.optional(v.array(itemFactsSchema), []),
    candidates: v.optional(scored, []),
    popular: v.optional(scored, []),
    /** What is left of what an offer wants, by its name: `budget_spent`; what is not told is reserved. */
    reservations: v.optional(v.record(v.string(), v.picklist(reservationOutcomes)), {}),
    limit: v.optional(v.pipe(v.number(), v.integer(), v.minValue(1)), 20),
    /** A part of the answer, or the ids of its items. */
    expect: v.optional(jsonObject()),
  }),
  v.check(
    ({ visitor, ...ids }) => visitor === undefined || visitorKey(ids) === null,
    'must say once who asks: by anonymousId and userId, or by visitor',
  ),
)
export type PolicyQuestion = v.InferOutput<typeof questionSchema>

/** Reads questions in YAML or JSON: one, or a list. Throws with a sentence where it is none. */
export function readQuestions(text: string): PolicyQuestion[] {
  const data: unknown = parse(text, { maxAliasCount: 0 })
  const read = readPlainly(v.array(questionSchema), Array.isArray(data) ? data : [data])
  if (read.ok) return read.value
  throw new Error(read.problem.sentence)
}

/** What a placement of a policy answers. Throws where the policy has none of this name. */
export function tryQuestion(policy: Policy, question: PolicyQuestion): Outcome {
  const { catalogue, candidates, popular, context, score, memory } = question
  const visitor = question.visitor ?? visitorKey(question) ?? 'a:test'
  const compiled = compilePolicy(policy, catalogue)
  const placement = compiled.placements.get(question.placement)
  if (!placement) {
    const known = [...compiled.placements.keys()].join(', ')
    throw new Error(`there is no placement ${question.placement}; there are ${known}`)
  }
  const at = Date.parse(question.at)
  if (question.by === 'clock') {
    if (placement.decideByClock) return placement.decideByClock({ at, memory })
    throw new Error(`the clock decides nothing of ${question.placement}: it is no alert`)
  }
  const items = new Map(catalogue.map((facts, number) => [facts.id, new RuleItem(facts, number)]))
  const item = (id: string) => items.get(id)
  const session = question.session
    ? { ...question.session, startedAt: at - question.session.lengthMs, lastAt: at }
    : null
  const { scope } = scopeOf(compiled, {
    ...{ visitor, session, context, at, item, score },
    totals: { ...totalsAt(null, at), ...(question.totals as Partial<Totals> as Totals) },
    event: { declared: placement.placement.event ?? {}, properties: question.event },
  })
  const wanted = placement.wants?.({ scope, at, memory, itemsMax: question.limit }) ?? []
  const reservations = wanted.map((each) => supposed(each, question.reservations[each.offer], at))
  return placement.decide({
    ...{ scope, at, item, candidates, popular, memory, itemsMax: question.limit },
    ...{ reservations, events: question.events.map((event) => ({ event })) },
  })
}

/** What a POP would have reserved. */
function supposed(
  { offer, code, heldMs }: WantedIssue,
  outcome: Reservation['outcome'] = 'reserved',
  at: number,
): Reservation {
  if (outcome !== 'reserved') return { offer, outcome, code: null, heldUntil: null }
  return { offer, outcome, code: code && 'CODE', heldUntil: at + heldMs }
}

/** Whether an outcome is as expected: each named part of the answer, `items` by their ids. */
export function isAsExpected(
  { answer, items }: Outcome,
  expected: Readonly<Record<string, unknown>>,
) {
  const told: Readonly<Record<string, unknown>> = { ...answer, items: items.map(({ id }) => id) }
  return Object.entries(expected).every(([name, value]) => isDeepStrictEqual(told[name], value))
}
