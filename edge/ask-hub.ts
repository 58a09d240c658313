import * as v from 'valibot'
import { signRequest } from '#shared/signature.ts'
import type { Environment } from './environment.ts'

/** As long as nobody waits for it any more: it is for those who come next. */
const answerTimeMaxMs = 15_000

/** The hub took what it was asked for, and refuses it for what it holds: the same again is refused again. */
export class QuestionRefused extends Error {
  override readonly name = 'QuestionRefused'
}

const refusals: readonly number[] = [413, 422]

/** Asks the hub, signed. Throws QuestionRefused where it refuses the question for good, else an Error where it does not answer as it should. */
export async function askHub<Answer>(
  path: string,
  question: object,
  schema: v.GenericSchema<unknown, Answer>,
  { config, popKey, now, newId }: Environment,
): Promise<Answer> {
  const body = new Uint8Array(new TextEncoder().encode(JSON.stringify(question)))
  const request = { method: 'POST', path, body }
  const headers = await signRequest(await popKey(), request, { nowMs: now(), nonce: newId() })
  // Cleared again, where `AbortSignal.timeout` would keep the object awake after every answer.
  const control = new AbortController()
  const timer = setTimeout(() => control.abort(), answerTimeMaxMs)
  try {
    const response = await fetch(config.hubUrl + path, {
      method: 'POST',
      headers: { ...headers, 'content-type': 'application/json' },
      body,
      redirect: 'manual',
      signal: control.signal,
    })
    return readAnswer(response.status, await response.text(), schema)
  } finally {
    clearTimeout(timer)
  }
}

function readAnswer<Answer>(
  status: number,
  answer: string,
  schema: v.GenericSchema<unknown, Answer>,
): Answer {
  const parsed = v.safeParse(schema, status === 200 ? parse(answer) : undefined)
  if (parsed.success) return parsed.output
  const reason = `the hub answered ${status}: ${answer.slice(0, 200)}`
  throw refusals.includes(status) ? new QuestionRefused(reason) : new Error(reason)
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
