import * as v from 'valibot'
import { canaryEndSchema, canaryTermsSchema } from './canary.ts'
import { keptEffectSchema } from './decision-inputs.ts'
import { eventTypes } from './event.ts'
import { jsonObject } from './json-object.ts'
import { limits } from './limits.ts'
import { profileValuesSchema } from './profile.ts'
import { itemDetailsSchema } from './told.ts'

/** What POP and hub say to each other. Both sides import this file and neither imports the other. */
export const ingestPath = '/v1/ingest'
export const releasePath = '/admin/v1/release'
export const leasePath = '/v1/offers/lease'
export const profilesPath = '/v1/profiles'
export const visitorPath = '/admin/v1/visitor'
export const releaseSignatureHeader = 'shelfedge-release-signature'
export const releaseDigestHeader = 'shelfedge-release-digest'

const text = v.string()
const epochMs = v.pipe(v.number(), v.finite())
const count = v.pipe(v.number(), v.safeInteger(), v.minValue(0))
const object = jsonObject()

const eventRecord = v.object({
  kind: v.literal('event'),
  type: v.picklist(eventTypes),
  messageId: text,
  anonymousId: v.optional(text),
  userId: v.optional(text),
  previousId: v.optional(text),
  groupId: v.optional(text),
  event: text,
  timestamp: epochMs,
  originalTimestamp: epochMs,
  receivedAt: epochMs,
  bot: v.boolean(),
  late: v.boolean(),
  session: text,
  items: v.array(text),
  properties: object,
  traits: object,
  context: object,
})
export type EventRecord = v.InferOutput<typeof eventRecord>

/**
 * Why an answer is not the placement's model at its best. `no_text`: a model of texts found none where it
 * reads; `holdout`: the visitor is in one, on purpose;
 * `model_missing`: the hub is to learn the model, and has had too little to learn it from.
 */
export const fallbacks = [
  'no_release',
  'unknown_visitor',
  'scorer_typescript',
  'model_failed',
  'model_missing',
  'no_text',
  'holdout',
] as const
export type Fallback = (typeof fallbacks)[number]

const decisionRecord = v.pipe(
  v.object({
    kind: v.literal('decision'),
    decisionId: text,
    at: epochMs,
    placement: text,
    release: v.nullable(text),
    model: text,
    fallback: v.nullable(v.picklist(fallbacks)),
    session: text,
    features: object,
    /** What else deciding read, and the rules that did something: `decisionInputsSchema` and `keptEffectSchema`. */
    inputs: v.optional(object, {}),
    effects: v.optional(v.array(keptEffectSchema), []),
    /** The kind of its placement; a POP of before November 2026 knew one. */
    answerKind: v.optional(text, 'items'),
    /** What was answered beside items, by its kind. */
    answer: v.optional(object, {}),
    items: v.array(text),
    scores: v.array(v.number()),
    /** A POP of before 2026-11-26 left it out, as it did the next. */
    itemDetails: v.optional(itemDetailsSchema),
    /** Of the event that set it off; absent where it was asked for. */
    messageId: v.optional(text),
  }),
  v.check(
    ({ items, scores, itemDetails = {} }) =>
      [scores, ...Object.values(itemDetails)].every(({ length }) => length === items.length),
    'scores and details must be as many as the items',
  ),
)
export type DecisionRecord = v.InferOutput<typeof decisionRecord>

const refusalRecord = v.object({
  kind: v.literal('refusal'),
  at: epochMs,
  messageId: text,
  reason: text,
  field: text,
  detail: text,
  /** Keys of the visitors whose it was; a POP of before left them out. */
  visitors: v.optional(v.array(text)),
  /** The start of what was sent, at most `refusalBodyCharactersMax`. */
  body: text,
})
export type RefusalRecord = v.InferOutput<typeof refusalRecord>

/** One fact on its way from a POP to the store. */
export const recordSchema = v.variant('kind', [eventRecord, decisionRecord, refusalRecord])
export const recordKinds = recordSchema.options.map(({ entries }) => entries.kind.literal)
export type ShelfRecord = v.InferOutput<typeof recordSchema>

/**
 * What one request added for one visitor. (epoch, sequence) orders a visitor's batches for ever: the
 * sequence counts them, the epoch is when the POP that counted was started.
 */
export const batchSchema = v.object({
  site: v.pipe(text, v.minLength(1)),
  visitor: v.pipe(text, v.minLength(1)),
  epoch: count,
  sequence: count,
  records: v.pipe(v.array(v.unknown()), v.minLength(1)),
})
export type RecordBatch = v.InferOutput<typeof batchSchema>

/** What one outbox held when it began to send, the batches of this delivery with it. */
const outboxReport = v.object({
  batches: count,
  bytes: count,
  /** Since the POP took the oldest event that the hub has not acknowledged, by the POP's own clock. */
  oldestAgeMs: v.pipe(epochMs, v.minValue(0)),
})
export type OutboxReport = v.InferOutput<typeof outboxReport>

/** One signed post of a POP to the hub: batches in the order in which they were committed. */
export const deliverySchema = v.object({
  pop: v.pipe(text, v.minLength(1)),
  region: text,
  /** In the first delivery of a run, so that an outbox sent in ten is not counted ten times. */
  outbox: v.optional(outboxReport),
  batches: v.pipe(v.array(batchSchema), v.maxLength(limits.deliveryBatchesMax)),
})
export type Delivery = v.InferOutput<typeof deliverySchema>

/** The hub has every batch of a delivery for good: those it took now, and those it had already. */
export const deliveryReceiptSchema = v.object({ accepted: count, duplicates: count })
export type DeliveryReceipt = v.InferOutput<typeof deliveryReceiptSchema>

const leaseName = v.pipe(text, v.minLength(1), v.maxLength(64))
const units = v.pipe(count, v.minValue(1), v.maxValue(limits.leaseUnitsMax))

/** A POP asks for a part of an offer's budget, and says what it has handed out of the parts it has. */
export const leaseQuestionSchema = v.object({
  pop: v.pipe(text, v.minLength(1)),
  site: text,
  offer: text,
  budget: text,
  /** The POP names the lease before it asks: where the answer is lost, asking again gets the same. */
  ask: v.nullable(v.object({ lease: leaseName, unitsMax: units })),
  /** `closed`: no more is handed out of it, for ever; the rest goes back. */
  used: v.pipe(
    v.array(v.object({ lease: leaseName, units: count, closed: v.boolean() })),
    v.maxLength(limits.leasesPerBudgetMax),
  ),
})
export type LeaseQuestion = v.InferOutput<typeof leaseQuestionSchema>

const lease = v.object({
  lease: leaseName,
  /** Its issues have the numbers from here; no other lease of the budget has them. */
  first: count,
  units,
  /** In the order in which they are handed out; null where the offer has no list. */
  codes: v.nullable(v.array(text)),
  /** After so long the POP gives back what is left. */
  returnAfterMs: count,
})

export const leaseAnswerSchema = v.object({
  lease: v.nullable(lease),
  /** Why there is none. */
  reason: v.nullable(v.picklist(['budget_spent', 'unknown_budget'])),
  /** Closed leases that the hub has settled: the POP may forget them. */
  settled: v.array(text),
})
export type LeaseAnswer = v.InferOutput<typeof leaseAnswerSchema>

/** A POP asks what the store knew of visitors before their sessions began. */
export const profilesQuestionSchema = v.object({
  pop: v.pipe(text, v.minLength(1)),
  site: text,
  visitors: v.pipe(
    v.array(
      v.object({
        visitor: v.pipe(text, v.minLength(1), v.maxLength(limits.idCharactersMax + 2)),
        asOf: v.pipe(v.number(), v.safeInteger(), v.minValue(0)),
      }),
    ),
    v.minLength(1),
    v.maxLength(limits.profileBatchMax),
  ),
})
export type ProfilesQuestion = v.InferOutput<typeof profilesQuestionSchema>

/** One for each visitor of the question, in its order; null of somebody who is being erased. */
export const profilesAnswerSchema = v.object({
  profiles: v.pipe(
    v.array(v.nullable(v.object({ asOf: epochMs, values: profileValuesSchema }))),
    v.maxLength(limits.profileBatchMax),
  ),
})
export type ProfilesAnswer = v.InferOutput<typeof profilesAnswerSchema>

/** What a POP answers when it has erased a visitor. */
export const popErasureSchema = v.object({
  pop: v.pipe(text, v.minLength(1)),
  /** Every batch of the visitor up to this epoch is of the erased life; a later life has a larger one. */
  epoch: count,
  /** What there was, in batches; of refusals in records, of offers in reservations. */
  found: v.object({
    ...{ known: v.boolean(), outbox: count, setAside: count, refusals: count },
    reservations: v.optional(count, 0),
  }),
})
export type PopErasure = v.InferOutput<typeof popErasureSchema>

/** What a POP has of a visitor: one page of it, and where the next begins. */
export const popVisitorSchema = v.looseObject({
  pop: v.pipe(text, v.minLength(1)),
  next: v.nullable(text),
})
export type PopVisitor = v.InferOutput<typeof popVisitorSchema>

/** What a POP has of a site: the live release, the canary beside it, and how it ended the last canary itself. */
export const releaseStateSchema = v.object({
  site: text,
  digest: v.nullable(text),
  // A POP that is not upgraded yet says nothing of these.
  pop: v.optional(text, ''),
  canary: v.optional(v.nullable(v.object({ digest: text, terms: canaryTermsSchema })), null),
  ended: v.optional(v.nullable(canaryEndSchema), null),
  /** What it is to have ready beside the live release; a POP that says nothing of it takes no order for one. */
  standby: v.optional(v.nullable(text)),
  /** False where that lies on the shelf alone: there was no room to load it. */
  isStandbyReady: v.optional(v.boolean(), true),
})
export type ReleaseState = v.InferOutput<typeof releaseStateSchema>

/** The form of every error of both APIs: a code for machines, a sentence for people. */
export const errorBodySchema = v.object({ error: text, detail: text })
export type ErrorBody = v.InferOutput<typeof errorBodySchema>

/** What the hub says of a delivery's content, and will say again as long as it is the hub it is. */
export const finalRefusals = ['not_a_delivery', 'not_loggable', 'body_too_large'] as const
