import * as v from 'valibot'
import { isIdText, visitorKey } from '#shared/id.ts'
import { jsonObject } from '#shared/json-object.ts'
import { limits } from '#shared/limits.ts'
import { readPlainly } from '#shared/plain-problem.ts'
import { RequestRefused } from '#shared/request-refused.ts'

const id = v.optional(
  v.pipe(
    v.string(),
    v.minLength(1),
    v.maxLength(limits.idCharactersMax),
    v.check(isIdText, 'must be without control characters or broken Unicode'),
  ),
)
const questionSchema = v.pipe(
  v.object({
    anonymousId: id,
    userId: id,
    placement: v.string(),
    /** What the rules of a policy may read; beyond what it declares nothing of it is kept. */
    context: v.optional(
      v.pipe(
        jsonObject(),
        v.check(
          (context) => JSON.stringify(context).length <= limits.contextCharactersMax,
          `must have at most ${limits.contextCharactersMax} characters`,
        ),
      ),
      {},
    ),
    limit: v.optional(
      v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(limits.decisionItemsMax)),
    ),
  }),
  v.check((question) => visitorKey(question) !== null, 'anonymousId or userId is required'),
)
export type Question = v.InferOutput<typeof questionSchema>

/** What `/v1/decide` and `/v1/recommendations` ask. Throws RequestRefused naming the wrong field. */
export function readQuestion(body: Record<string, unknown>): Question {
  const read = readPlainly(questionSchema, body, { whole: 'the question' })
  if (read.ok) return read.value
  throw new RequestRefused(400, 'invalid_question', read.problem.sentence)
}
