import {
  type LeaseAnswer,
  type LeaseQuestion,
  leaseAnswerSchema,
  leasePath,
} from '#shared/contract.ts'
import { askHub } from '../ask-hub.ts'
import type { Environment } from '../environment.ts'

/** Asks the hub for a part of a budget. Throws where it does not answer as it should. */
export function askLease(
  question: Omit<LeaseQuestion, 'pop'>,
  environment: Environment,
): Promise<LeaseAnswer> {
  const asked = { pop: environment.config.popId, ...question } satisfies LeaseQuestion
  return askHub(leasePath, asked, leaseAnswerSchema, environment)
}
