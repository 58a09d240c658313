import * as v from 'valibot'
import { isIdText } from './id.ts'
import { jsonObject } from './json-object.ts'
import { limits } from './limits.ts'
import type { RefusalReason } from './refusal.ts'

/** Event types of the Segment tracking specification. */
export const eventTypes = ['track', 'page', 'screen', 'identify', 'alias', 'group'] as const
export type EventType = (typeof eventTypes)[number]

/** E-commerce events that say "this visitor looked at or chose this item". Training counts the same ones. */
export const interactionEvents: readonly string[] = ['Product Viewed', 'Product Added']

/** The reason that goes with a failed check travels in its message: `reason: sentence`. */
function because(reason: RefusalReason, sentence: string): string {
  return `${reason}: ${sentence}`
}

const id = v.pipe(
  // Numeric ids are common in the wild; as text they are the same id.
  v.union(
    [v.string(), v.pipe(v.number(), v.safeInteger(), v.transform(String))],
    because('invalid_id', 'must be text'),
  ),
  v.minLength(1, because('invalid_id', 'must not be empty')),
  v.maxLength(
    limits.idCharactersMax,
    because('invalid_id', `must be at most ${limits.idCharactersMax} characters`),
  ),
  v.check(isIdText, because('invalid_id', 'must be without control characters or broken Unicode')),
)

const name = v.pipe(
  v.string(because('invalid_field', 'must be text')),
  v.maxLength(
    limits.nameCharactersMax,
    because('invalid_field', `must be at most ${limits.nameCharactersMax} characters`),
  ),
)

/** Epoch milliseconds from an ISO 8601 string or epoch milliseconds. */
const instant = v.pipe(
  v.union([v.string(), v.number()], because('invalid_field', 'must be an ISO 8601 date')),
  v.transform((value) => new Date(value).getTime()),
  v.check(
    (epochMs) => Number.isFinite(epochMs),
    because('invalid_field', 'must be an ISO 8601 date'),
  ),
)

const notNegative = v.pipe(v.number(), v.minValue(0, because('out_of_range', 'must be 0 or more')))
/** Shops send prices as text too ("19.99"); what is not a number is the featuriser's to judge, not ours to lose. */
const quantity = v.nullish(v.union([notNegative, v.string()], notNegativeMessage))

function notNegativeMessage(): string {
  return because('out_of_range', 'must be a number of 0 or more')
}

const quantities = v.looseObject({
  quantity,
  products: v.nullish(
    v.array(
      v.looseObject({ quantity }, because('invalid_field', 'must be an object')),
      because('invalid_field', 'must be a list of products'),
    ),
  ),
})

const object = jsonObject(because('invalid_field', 'must be an object'))
// Checked beside and not by a looseObject: that leaves out names like "constructor", which are the customer's.
const properties = v.pipe(
  object,
  v.rawCheck(({ dataset, addIssue }) => {
    const parsed = dataset.typed && v.safeParse(quantities, dataset.value, { abortEarly: true })
    if (!parsed || parsed.success) return
    const { message, path } = parsed.issues[0]
    addIssue({ message, ...(path && { path }) })
  }),
)

/** One event as it arrives, in the Segment tracking shape; unknown fields are left behind. */
export const eventSchema = v.object({
  type: v.picklist(eventTypes),
  messageId: id,
  anonymousId: v.nullish(id),
  userId: v.nullish(id),
  previousId: v.nullish(id),
  groupId: v.nullish(id),
  event: v.nullish(name),
  name: v.nullish(name),
  timestamp: v.nullish(instant),
  originalTimestamp: v.nullish(instant),
  properties: v.nullish(properties),
  traits: v.nullish(object),
  context: v.nullish(object),
})

/** One accepted event: clean, timed by the corrected clock, ready to remember and forward. Times in epoch ms. */
export interface ShelfEvent {
  readonly type: EventType
  readonly messageId: string
  readonly anonymousId?: string
  readonly userId?: string
  readonly previousId?: string
  readonly groupId?: string
  /** The name of a `track`, or of a page or screen; '' where the type needs none. */
  readonly event: string
  readonly timestamp: number
  readonly originalTimestamp: number
  readonly receivedAt: number
  readonly bot: boolean
  readonly items: readonly string[]
  readonly properties: Readonly<Record<string, unknown>>
  readonly traits: Readonly<Record<string, unknown>>
  readonly context: Readonly<Record<string, unknown>>
}
