import * as v from 'valibot'
import { cut } from '#shared/given.ts'
import { limits } from '#shared/limits.ts'
import { readPlainly } from '#shared/plain-problem.ts'
import { RequestRefused } from '#shared/request-refused.ts'

const name = v.pipe(v.string(), v.minLength(1), v.maxLength(limits.nameCharactersMax))
const whole = (max: number, fallback: string) => {
  const sentence = `a whole number from 1 to ${max}`
  return v.pipe(
    v.optional(v.string(), fallback),
    v.regex(/^\d{1,3}$/, sentence),
    v.transform(Number),
    v.minValue(1, sentence),
    v.maxValue(max, sentence),
  )
}

const questionSchema = v.strictObject({
  site: v.optional(v.string()),
  placement: name,
  /** What a visitor does with the first item of an answer that was worth while. */
  event: v.optional(name, 'Product Viewed'),
  /** How long after it was shown. */
  hours: whole(720, '24'),
  /** Decisions of the last so many days. */
  days: whole(90, '30'),
})
export type EstimateQuestion = v.InferOutput<typeof questionSchema>

/** Reads what is asked of a release. Throws `invalid_question` with the parameter and what it may be. */
export function readEstimateQuestion(query: Readonly<Record<string, string>>): EstimateQuestion {
  const read = readPlainly(questionSchema, query)
  if (read.ok) return read.value
  const { path, sentence } = read.problem
  const told = path in questionSchema.entries ? sentence : `${cut(path)} is not asked of estimates`
  throw new RequestRefused(400, 'invalid_question', told)
}
