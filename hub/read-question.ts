import * as v from 'valibot'
import { RequestRefused } from '#shared/request-refused.ts'

/** What a POP asks, from the JSON of its signed request. Throws RequestRefused 422 with this code and what is wrong where. */
export function readQuestion<Question>(
  body: Uint8Array,
  schema: v.GenericSchema<unknown, Question>,
  code: string,
): Question {
  const parsed = v.safeParse(schema, parse(body), { abortEarly: true })
  if (parsed.success) return parsed.output
  const [issue] = parsed.issues
  throw new RequestRefused(422, code, `${v.getDotPath(issue) ?? 'the body'}: ${issue.message}`)
}

function parse(body: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(body))
  } catch {
    return undefined
  }
}
