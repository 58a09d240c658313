import * as v from 'valibot'
import { isMoney } from '../kinds/price-guard.ts'
import { limits } from '../limits.ts'
import { name, whole } from '../policy/fields.ts'

const money = v.pipe(
  v.number(),
  v.minValue(0.0001),
  v.maxValue(1e9),
  v.check(isMoney, 'must have at most four decimal places'),
)

/** How often an offer may be given, by all POPs together. */
const budgetFields = v.strictObject({
  id: v.pipe(name, v.description('What was spent is counted by site, offer and this id.')),
  issuesMax: v.optional(whole(1, limits.offerIssuesMax)),
  /** The same as a sum of money, of which each issue takes `amountEach`. */
  amountMax: v.optional(money),
  amountEach: v.optional(money),
})
export type Budget = v.InferOutput<typeof budgetFields>

export const budgetSchema = v.pipe(
  budgetFields,
  v.check(
    ({ issuesMax, amountMax }) => issuesMax !== undefined || amountMax !== undefined,
    'issuesMax, or amountMax with amountEach',
  ),
  v.check(
    ({ amountMax, amountEach }) => (amountMax === undefined) === (amountEach === undefined),
    'amountMax and amountEach go together',
  ),
  v.check((budget) => issuesMaxOf(budget) >= 1, 'amountMax is less than amountEach'),
)

const codeText = v.pipe(
  v.string(),
  v.regex(/^[\x21-\x7e]+$/, 'must be letters, digits and signs of ASCII without blanks'),
  v.maxLength(limits.offerCodeCharactersMax),
)

/** A code for everybody; one of a list that an operator adds; or one that is made, and nobody can guess. */
export const codeSchema = v.union([
  codeText,
  v.variant('from', [
    v.strictObject({ from: v.literal('list') }),
    v.strictObject({ from: v.literal('generated'), prefix: v.optional(codeText) }),
  ]),
])
export type OfferCode = v.InferOutput<typeof codeSchema>

/** Which budget: what was spent of it outlives every release. */
export interface BudgetName {
  readonly offer: string
  readonly budget: string
}

/** A budget as a policy declares it. */
export interface DeclaredBudget extends BudgetName {
  readonly issuesMax: number
  readonly code: 'list' | 'generated' | null
  /** Of generated codes. */
  readonly prefix: string
}

interface BudgetedOffer {
  readonly name: string
  readonly budget?: Budget | undefined
  readonly code?: OfferCode | undefined
}

/** Sums of money are counted in ten-thousandths, as prices are. */
export function issuesMaxOf({ issuesMax = Infinity, amountMax, amountEach }: Budget): number {
  if (amountMax === undefined || amountEach === undefined) return issuesMax
  return Math.min(issuesMax, Math.floor(Math.round(amountMax * 1e4) / Math.round(amountEach * 1e4)))
}

/** The budget of an offer; null where it has none. */
export function declaredBudget({
  name: offer,
  budget,
  code,
}: BudgetedOffer): DeclaredBudget | null {
  if (budget === undefined) return null
  const from = typeof code === 'object' ? code : null
  return {
    ...{ offer, budget: budget.id, issuesMax: issuesMaxOf(budget), code: from?.from ?? null },
    prefix: from?.from === 'generated' ? (from.prefix ?? '') : '',
  }
}

export function budgetKey({ offer, budget }: BudgetName): string {
  return JSON.stringify([offer, budget])
}

/** The budgets of a policy's placements; of one that two placements declare, the smaller. */
export function declaredBudgets(
  placements: Readonly<Record<string, { readonly kind: string; readonly offers?: unknown }>>,
): Map<string, DeclaredBudget> {
  const found = new Map<string, DeclaredBudget>()
  for (const { kind, offers } of Object.values(placements)) {
    if (kind !== 'offer') continue
    for (const each of offers as readonly BudgetedOffer[]) {
      const declared = declaredBudget(each)
      if (declared === null) continue
      const key = budgetKey(declared)
      const before = found.get(key)
      if (!before || declared.issuesMax < before.issuesMax) found.set(key, declared)
    }
  }
  return found
}
