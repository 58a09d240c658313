import type { holdoutAnswers, Policy } from '../policy.ts'
import { variantsOf } from './variant.ts'

export type Holdout = (typeof holdoutAnswers)[number]

/** What a visitor's key is left with at a placement; null for whoever is not held out there. */
export function holdoutOf(
  { experiments }: Pick<Policy, 'experiments'>,
  placement: string,
  visitor: string,
): Holdout | null {
  const holdouts = Object.entries(experiments).filter(([, { holdout }]) =>
    holdout?.placements.includes(placement),
  )
  const variants = variantsOf({ experiments: Object.fromEntries(holdouts) }, visitor)
  const answers = holdouts.flatMap(([name, { holdout }]) =>
    holdout?.variant === variants[name] ? [holdout?.answer] : [],
  )
  if (answers.includes('nothing')) return 'nothing'
  return answers[0] ?? null
}
