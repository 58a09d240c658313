import * as v from 'valibot'
import {
  type LeaseAnswer,
  type LeaseQuestion,
  leaseAnswerSchema,
  leasePath,
} from '#shared/contract.ts'
import { signRequest } from '#shared/signature.ts'
import type { Environment } from '../environment.ts'

/** A visitor may wait for it. */
const answerTimeMaxMs = 2_000

/** Asks the hub for a part of a budget, signed. Throws where it does not answer as it should. */
export async function askHub(
  question: Omit<LeaseQuestion, 'pop'>,
  { config, popKey, now, newId }: Environment,
): Promise<LeaseAnswer> {
  const text = JSON.stringify({ pop: config.popId, ...question } satisfies LeaseQuestion)
  const body = new Uint8Array(new TextEncoder().encode(text))
  const request = { method: 'POST', path: leasePath, body }
  const headers = await signRequest(await popKey(), request, { nowMs: now(), nonce: newId() })
  const response = await fetch(config.hubUrl + leasePath, {
    method: 'POST',
    headers: { ...headers, 'content-type': 'application/json' },
    body,
    redirect: 'manual',
    signal: AbortSignal.timeout(answerTimeMaxMs),
  })
  const answer = await response.text()
  const parsed = v.safeParse(leaseAnswerSchema, response.ok ? parse(answer) : undefined)
  if (parsed.success) return parsed.output
  throw new Error(`the hub answered ${response.status}: ${answer.slice(0, 200)}`)
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
