import { type LeaseAnswer, leaseQuestionSchema } from '#shared/contract.ts'
import { limits } from '#shared/limits.ts'
import { RequestRefused } from '#shared/request-refused.ts'
import type { Environment } from '../environment.ts'
import { checkSignature, type SignedRequest } from '../ingest.ts'
import { readQuestion } from '../read-question.ts'
import type { DeclaredBudgets } from './declared-budgets.ts'

/**
 * Takes what a POP says of its leases, and grants it a part of what is left of a budget: signature → contract →
 * registry. The registry's row is the truth, whichever hub asks it.
 */
export async function answerLease(
  request: SignedRequest,
  budgets: DeclaredBudgets,
  environment: Environment,
): Promise<LeaseAnswer> {
  await checkSignature(request, environment)
  const question = readQuestion(request.body, leaseQuestionSchema, 'not_a_lease_question')
  const { pop, site, offer, budget, ask, used } = question
  if (!environment.config.siteIds.includes(site)) {
    throw new RequestRefused(409, 'unknown_site', `no site ${site} at this hub`)
  }
  const declared = await budgets.find(site, { offer, budget })
  // Of a budget that nobody declares any more a lease that was granted is still told.
  const wanted = ask && {
    ...ask,
    ...{ issuesMax: declared?.issuesMax ?? 0, hasCodes: declared?.code === 'list' },
  }
  const { lease, settled } = await environment.registry.exchangeLease({
    ...{ pop, site, offer, budget, used, ask: wanted, at: new Date(environment.now()) },
  })
  const reason = reasonOf(lease !== null || ask === null, declared !== null)
  if (ask !== null) count(lease?.units ?? 0, reason, environment)
  return {
    lease: lease && { ...lease, returnAfterMs: limits.leaseMs },
    reason,
    settled: [...settled],
  }
}

function reasonOf(isAnswered: boolean, isDeclared: boolean): LeaseAnswer['reason'] {
  if (isAnswered) return null
  return isDeclared ? 'budget_spent' : 'unknown_budget'
}

function count(units: number, reason: LeaseAnswer['reason'], { metrics }: Environment): void {
  metrics.leases.inc({ outcome: reason ?? 'granted' })
  metrics.issuesGranted.inc(units)
}
