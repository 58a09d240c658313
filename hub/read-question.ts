import type * as v from 'valibot'
import { readPlainly } from '#shared/plain-problem.ts'
import { RequestRefused } from '#shared/request-refused.ts'

/** What a POP asks, from the JSON of its signed request. Throws RequestRefused 422 with this code and what is wrong where. */
export function readQuestion<Question>(
  body: Uint8Array,
  schema: v.GenericSchema<unknown, Question>,
  code: string,
): Question {
  const read = readPlainly(schema, parse(body), { whole: 'the body', telling: 'type' })
  if (read.ok) return read.value
  throw new RequestRefused(422, code, read.problem.sentence)
}

function parse(body: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(body))
  } catch {
    return undefined
  }
}
