import { expect, test } from 'vitest'
import { protectedFeature } from '#hub/judging/protected-feature.ts'
import { askedTexts } from '#hub/training/sentiment/shipped.ts'
import type { Placement } from '#shared/policy.ts'
import { policyOfOne } from '#test/support/placement.ts'

const reading = (text: string): Placement => ({
  ...{ kind: 'price', model: 'sentiment', text, base: '100.0', subject: 'current.id' },
  ...{ floor: 1, ceiling: 200, step: 0.01, heldMs: 0, rules: [] },
})

test('no release has a price for which a model of texts reads a protected attribute', () => {
  const refusal = (text: string) => {
    const policy = policyOfOne(reading(text))
    return protectedFeature(policy, askedTexts(policy).declared)
  }
  expect(refusal('context.gender')).toBe(
    'the model sentiment cannot be released: the price of home must not depend on gender: it is a protected attribute',
  )
  expect(refusal('event.review')).toBeNull()
})
