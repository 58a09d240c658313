import * as v from 'valibot'
import { expect, it } from 'vitest'
import { recordSchema } from '#shared/contract.ts'

const decision = {
  ...{ kind: 'decision', decisionId: 'd', at: 0, placement: 'home', release: null },
  ...{ model: 'popularity', fallback: null, session: '', features: {} },
  ...{ items: ['boot', 'sock'], scores: [2, 1] },
}
const itemDetails = {
  ...{ by: ['model', 'pin'], names: ['Boot', null] },
  ...{ categories: [null, null], prices: [20, null] },
}

it('a decision is read with what it says of its items, and without, as a POP of before sent it', () => {
  expect(v.is(recordSchema, { ...decision, itemDetails })).toBe(true)
  expect(v.is(recordSchema, decision)).toBe(true)
})

it.each([
  ['scores', { scores: [2] }],
  ['names', { itemDetails: { ...itemDetails, names: ['Boot', 'Sock', 'Hat'] } }],
])('a decision that has other %s than items is no record', (_what, changes) => {
  const { issues } = v.safeParse(recordSchema, { ...decision, ...changes })
  expect(issues?.map(({ message }) => message)).toEqual([
    'scores and details must be as many as the items',
  ])
})
