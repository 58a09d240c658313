import { describe, expect, it } from 'vitest'
import { checkPolicy } from '#shared/policy/check.ts'
import type { Placement } from '#shared/policy.ts'
import { deciding, policyOfOne } from '#test/support/placement.ts'

type Verdict = Extract<Placement, { kind: 'verdict' }>
const checkout: Verdict = {
  ...{ kind: 'verdict', model: 'fraud', unsure: 'review', event: { amount: 'double' } },
  thresholds: { review: 0.5, block: 0.9 },
  rules: [
    { name: 'huge', verdict: 'block', when: 'event.amount > 9000.0', reason: 'over the limit' },
    { name: 'small', verdict: 'allow', when: 'event.amount < 10.0' },
  ],
}
const ask = (score: number | undefined, amount?: number) => {
  const event = amount === undefined ? {} : { amount }
  const { answer } = deciding(checkout)({ score, event })
  const by = (answer.reasons as { by: string }[]).map((reason) => reason.by)
  return [answer.verdict, ...by]
}

describe('a verdict', () => {
  it('is the most severe of what the score and the rules say, with the reasons', () => {
    expect(ask(0.1, 100)).toEqual(['allow'])
    expect(ask(0.5, 100)).toEqual(['review', 'score'])
    expect(ask(0.9, 100)).toEqual(['block', 'score'])
    expect(ask(0.5, 10_000)).toEqual(['block', 'score', 'huge'])
  })

  it('allows against the score, not against another rule', () => {
    expect(ask(0.99, 5)).toEqual(['allow', 'small'])
  })

  it('is unsure where the score or what a rule needs is missing', () => {
    expect(ask(undefined, 100)).toEqual(['review', 'score'])
    expect(ask(0.1)).toEqual(['review', 'huge'])
  })

  it.each([
    [
      { rules: [{ name: 'a', verdict: 'block', when: '1 > 2' }] },
      'it is never true: the rule says something only where it fails',
    ],
    [{ thresholds: { review: 0.9, block: 0.5 } }, 'it never acts: block begins at 0.5'],
    [{ model: undefined }, 'they need a model that gives a score'],
  ] as [Partial<Verdict>, string][])('that can never act is refused: %j', (changes, sentence) => {
    const problems = checkPolicy(policyOfOne({ ...checkout, ...changes } as Verdict))
    expect(problems.map((problem) => problem.sentence)).toContain(sentence)
  })
})
