import * as v from 'valibot'
import { cut } from '#shared/given.ts'
import { limits } from '#shared/limits.ts'
import { readPlainly } from '#shared/plain-problem.ts'
import { RequestRefused } from '#shared/request-refused.ts'

const daysMax = 90
const daysSentence = `a whole number from 1 to ${daysMax}`
const shareSentence = 'above 0 and below 1'

const questionSchema = v.strictObject({
  site: v.optional(v.string()),
  /** What a visitor does within so many days from the first decision on counts. */
  days: v.pipe(
    v.optional(v.string(), '7'),
    v.regex(/^\d{1,2}$/, daysSentence),
    v.transform(Number),
    v.minValue(1, daysSentence),
    v.maxValue(daysMax, daysSentence),
  ),
  /** How often an experiment without any effect may be found to have one, over all its looks. */
  alpha: v.pipe(
    v.optional(v.string(), '0.05'),
    v.transform(Number),
    v.gtValue(0, shareSentence),
    v.ltValue(1, shareSentence),
  ),
  control: v.optional(v.pipe(v.string(), v.maxLength(limits.nameCharactersMax))),
})
export type ExperimentQuestion = v.InferOutput<typeof questionSchema>

/** Reads what is asked of an experiment. Throws `invalid_question` with the parameter and what it may be. */
export function readExperimentQuestion(
  query: Readonly<Record<string, string>>,
): ExperimentQuestion {
  const read = readPlainly(questionSchema, query)
  if (read.ok) return read.value
  const { path, sentence } = read.problem
  const told =
    path in questionSchema.entries ? sentence : `${cut(path)} is not asked of experiments`
  throw new RequestRefused(400, 'invalid_question', told)
}
