import * as v from 'valibot'
import { cut } from '#shared/given.ts'
import { readPlainly } from '#shared/plain-problem.ts'
import { RequestRefused } from '#shared/request-refused.ts'
import { type DeadLetterState, deadLetterStates } from './dead-letter.ts'

/** Which letters; '' is any. */
export interface Filter {
  readonly state: DeadLetterState | ''
  readonly site: string
  readonly reason: string
  /** Letters of an answer, or of one replay. */
  readonly limit: number
}

const lettersMax = 1_000
const lettersDefault = 100
const limitSentence = `a whole number from 1 to ${lettersMax}`
const text = v.optional(v.pipe(v.string(), v.maxLength(256, 'at most 256 characters')), '')

// Strict: a misspelt filter of a replay would otherwise replay everything.
const filterSchema = v.strictObject({
  state: v.optional(
    v.picklist(['', ...deadLetterStates], `one of ${deadLetterStates.join(', ')}`),
    '',
  ),
  site: text,
  reason: text,
  limit: v.pipe(
    v.optional(v.string(), String(lettersDefault)),
    v.regex(/^\d{1,4}$/, limitSentence),
    v.transform(Number),
    v.minValue(1, limitSentence),
    v.maxValue(lettersMax, limitSentence),
  ),
})

/** Reads the filter of a request's query. Throws `invalid_filter` with the parameter and what it may be. */
export function readFilter(query: Readonly<Record<string, string>>): Filter {
  const read = readPlainly(filterSchema, query)
  if (read.ok) return read.value
  const { path, sentence } = read.problem
  const told =
    path in filterSchema.entries ? sentence : `${cut(path)} is not a filter of dead letters`
  throw new RequestRefused(400, 'invalid_filter', told)
}
