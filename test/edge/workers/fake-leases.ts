import { vi } from 'vitest'
import { type LeaseQuestion, leasePath } from '#shared/contract.ts'
import { importPopKey } from '#shared/keys.ts'
import { verifyRequest } from '#shared/signature.ts'
import { testEnv } from './pop.ts'

/** A hub in place of `fetch` that grants leases of one budget, and takes no deliveries. */
export function startFakeLeases(budget: { issues: number; units: number; returnAfterMs?: number }) {
  const state = { isAway: false, granted: 0, codes: null as string[] | null, next: 0 }
  const questions: LeaseQuestion[] = []
  /** Units of the leases that were not given back. */
  const open = new Map<string, number>()
  vi.spyOn(globalThis, 'fetch').mockImplementation(async (input, init) => {
    const { pathname } = new URL(String(input))
    if (state.isAway || pathname !== leasePath) throw new TypeError('Network connection lost.')
    const body = new Uint8Array(init?.body as Uint8Array<ArrayBuffer>)
    const headers = new Headers(init?.headers)
    const key = await importPopKey(testEnv.POP_SECRET as string)
    const request = { method: 'POST', path: pathname, body }
    const nonces = { claim: () => true }
    const header = (name: string) => headers.get(name)
    const refusal = await verifyRequest(key, request, header, nonces, Date.now())
    if (refusal) return new Response(refusal, { status: 401 })
    const question: LeaseQuestion = JSON.parse(new TextDecoder().decode(body))
    questions.push(question)
    for (const { lease, units, closed } of question.used) {
      const granted = open.get(lease)
      if (!closed || granted === undefined) continue
      open.delete(lease)
      state.granted -= granted - units
    }
    const units = Math.min(budget.units, budget.issues - state.granted)
    const isGranted = question.ask !== null && units > 0
    const first = state.next
    if (question.ask && isGranted) {
      open.set(question.ask.lease, units)
      state.granted += units
      state.next += units
    }
    const codes = state.codes?.slice(first, first + units) ?? null
    const { returnAfterMs = 60_000 } = budget
    return Response.json({
      lease: isGranted ? { lease: question.ask?.lease, first, units, codes, returnAfterMs } : null,
      reason: question.ask && !isGranted ? 'budget_spent' : null,
      settled: question.used.filter(({ closed }) => closed).map(({ lease }) => lease),
    })
  })
  return { state, questions }
}
