import * as v from 'valibot'
import {
  type LeaseAnswer,
  type LeaseQuestion,
  leaseAnswerSchema,
  leasePath,
} from '#shared/contract.ts'
import { signRequest } from '#shared/signature.ts'
import type { Environment } from '../environment.ts'

/** As long as nobody waits for it any more: it is for those who come next. */
const answerTimeMaxMs = 15_000

/** Asks the hub for a part of a budget, signed. Throws where it does not answer as it should. */
export async function askHub(
  question: Omit<LeaseQuestion, 'pop'>,
  { config, popKey, now, newId }: Environment,
): Promise<LeaseAnswer> {
  const text = JSON.stringify({ pop: config.popId, ...question } satisfies LeaseQuestion)
  const body = new Uint8Array(new TextEncoder().encode(text))
  const request = { method: 'POST', path: leasePath, body }
  const headers = await signRequest(await popKey(), request, { nowMs: now(), nonce: newId() })
  // Cleared again, where `AbortSignal.timeout` would keep the object awake after every answer.
  const control = new AbortController()
  const timer = setTimeout(() => control.abort(), answerTimeMaxMs)
  try {
    const response = await fetch(config.hubUrl + leasePath, {
      method: 'POST',
      headers: { ...headers, 'content-type': 'application/json' },
      body,
      redirect: 'manual',
      signal: control.signal,
    })
    return readAnswer(response.status, await response.text())
  } finally {
    clearTimeout(timer)
  }
}

function readAnswer(status: number, answer: string): LeaseAnswer {
  const parsed = v.safeParse(leaseAnswerSchema, status === 200 ? parse(answer) : undefined)
  if (parsed.success) return parsed.output
  throw new Error(`the hub answered ${status}: ${answer.slice(0, 200)}`)
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
