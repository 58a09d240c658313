import * as v from 'valibot'
import { limits } from '../limits.ts'
import { modelNameSchema } from '../model.ts'

/** What CEL can name without brackets. */
export const fieldName = v.pipe(
  v.string(),
  v.regex(/^[a-z][A-Za-z0-9]{0,31}$/, 'must be a letter of a-z, then up to 31 letters and digits'),
)
export const name = v.pipe(v.string(), v.minLength(1), v.maxLength(limits.nameCharactersMax))
export const whole = (min: number, max: number) =>
  v.pipe(v.number(), v.integer(), v.minValue(min), v.maxValue(max))
export const share = v.pipe(v.number(), v.minValue(0), v.maxValue(1))
/** A length of time in milliseconds, at most as long as a visitor is remembered. */
export const durationMs = whole(1, limits.visitorRetentionMs)

const visitorVariables = 'current, session, totals, context, event, time, variant and score'
const cel = (says: string) =>
  v.pipe(
    v.string(),
    v.minLength(1),
    v.maxLength(limits.expressionCharactersMax),
    v.description(`CEL over ${says}.`),
  )
/** An expression that says yes or no of an item. */
export const ofItem = cel(`item, ${visitorVariables}; yes or no`)
/** The same without an item: asked once a decision. */
export const ofVisitor = cel(`${visitorVariables}; yes or no`)
export const numberOfVisitor = cel(`${visitorVariables}; a number`)
export const textOfVisitor = cel(`${visitorVariables}; text`)

/** Types of what a question tells in its `context`, and an event in its `properties`. */
export const fieldTypeNames = ['string', 'bool', 'int', 'double', 'list<string>'] as const
export type FieldTypeName = (typeof fieldTypeNames)[number]
export const declaredFields = v.record(fieldName, v.picklist(fieldTypeNames))

/** What every placement may say, whatever its kind. */
export const everyPlacement = {
  /** Names of events that set off a decision, in the answer of the request that brings them. */
  on: v.optional(
    v.pipe(
      v.array(name),
      v.minLength(1),
      v.maxLength(limits.placementEventsMax),
      v.description('Names of events that set off a decision.'),
    ),
  ),
  /** An event that is older than this sets off nothing; a quarter of an hour where it is left out. */
  onAgeMsMax: v.optional(
    v.pipe(
      whole(1, limits.triggerAgeMsDeclaredMax),
      v.description('Age in milliseconds past which an event sets off nothing; 15 minutes.'),
    ),
  ),
  /** Properties of the newest event of a question that rules may read as `event.…`, and their types. */
  event: v.optional(
    v.pipe(declaredFields, v.description('Properties of the newest event, and their types.')),
  ),
}
/** What a placement may say whose rules may read a number of a model. */
export const scored = {
  /** A model of the release; its number is `score`. */
  model: v.optional(modelNameSchema),
  /** Where a model of texts finds what it reads. */
  text: v.optional(
    v.pipe(
      v.string(),
      v.regex(
        /^(event|context)\.[A-Za-z_][A-Za-z0-9_]{0,63}$/,
        'must be event or context, a dot and a name',
      ),
      v.description('What a model of texts reads, such as event.review_body; event.text.'),
    ),
  ),
}

export const everyRule = {
  name,
  /** The rule is off where this is not true. */
  when: v.optional(ofVisitor),
}
