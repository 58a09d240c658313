import * as v from 'valibot'
import { isIdText, visitorKey } from '#shared/id.ts'
import { jsonObject } from '#shared/json-object.ts'
import { limits } from '#shared/limits.ts'
import { RequestRefused } from '#shared/request-refused.ts'

const id = v.optional(
  v.pipe(
    v.string('must be text'),
    v.minLength(1, 'must not be empty'),
    v.maxLength(limits.idCharactersMax, `must be at most ${limits.idCharactersMax} characters`),
    v.check(isIdText, 'must be without control characters or broken Unicode'),
  ),
)
const questionSchema = v.pipe(
  v.object({
    anonymousId: id,
    userId: id,
    placement: v.string('must name a placement'),
    /** What the rules of a policy may read; beyond what it declares nothing of it is kept. */
    context: v.optional(
      v.pipe(
        jsonObject('must be an object'),
        v.check(
          (context) => JSON.stringify(context).length <= limits.contextCharactersMax,
          `must have at most ${limits.contextCharactersMax} characters`,
        ),
      ),
      {},
    ),
    limit: v.optional(
      v.pipe(
        v.number('must be a whole number'),
        v.integer('must be a whole number'),
        v.minValue(1, 'must be 1 or more'),
        v.maxValue(limits.decisionItemsMax, `must be at most ${limits.decisionItemsMax}`),
      ),
    ),
  }),
  v.check((question) => visitorKey(question) !== null, 'anonymousId or userId is required'),
)
export type Question = v.InferOutput<typeof questionSchema>

/** What `/v1/decide` and `/v1/recommendations` ask. Throws RequestRefused naming the wrong field. */
export function readQuestion(body: Record<string, unknown>): Question {
  const parsed = v.safeParse(questionSchema, body, { abortEarly: true })
  if (parsed.success) return parsed.output
  const [issue] = parsed.issues
  const detail = `${v.getDotPath(issue) ?? ''} ${issue.message}`.trim()
  throw new RequestRefused(400, 'invalid_question', detail)
}
