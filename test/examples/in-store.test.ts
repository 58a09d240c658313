import { expect, test } from 'vitest'
import { groupsOf, upliftIn } from '#examples/in-store/measure.ts'
import { policy } from '#examples/in-store/policy.ts'
import { eventsBefore, type Visit } from '#examples/in-store/visit.ts'
import { isRedeemed, makeWorld } from '#examples/in-store/world.ts'
import { parsePolicy } from '#hub/policies/parse-policy.ts'
import { readEvent } from '#shared/read-event.ts'

const now = Date.UTC(2026, 10, 25)
const shoppers = (count: number, seed = 1) => {
  const world = makeWorld(seed)
  return Array.from({ length: count }, () => world.shopper())
}

test('its policy is one', () => {
  expect(parsePolicy(policy)).toMatchObject({ ok: true })
})

test('the same seed makes the same shoppers', () => {
  expect(shoppers(20)).toEqual(shoppers(20))
  expect(shoppers(20)).not.toEqual(shoppers(20, 2))
})

test('every event of a shopper is taken, is its own, and names the user where it logs in', () => {
  const [shopper] = shoppers(50).filter(({ identifies, aliases }) => identifies && aliases)
  if (!shopper) throw new Error('nobody logs in')
  const events = eventsBefore(shopper, now).flat()
  const read = events.map((event) => readEvent(event, { receivedAt: now }))
  expect(read.every(({ ok }) => ok)).toBe(true)
  const ids = events.map((event) => (event as { messageId: string }).messageId)
  expect(new Set(ids).size).toBe(ids.length)
  expect(events.slice(-2)).toMatchObject([
    { type: 'identify', anonymousId: 'app-0', userId: 'card-0' },
    { type: 'alias', previousId: 'web-0', userId: 'card-0' },
  ])
})

test('an offer of what is wanted is redeemed more often, by the same draws', () => {
  const many = shoppers(2_000)
  const share = (aisleOf: (wants: string) => string) =>
    many.filter((each) => isRedeemed(each, { id: 'x', aisle: aisleOf(each.wants) })).length / 2_000
  expect(share((wants) => wants)).toBeGreaterThan(0.3)
  expect(share(() => 'nothing')).toBeLessThan(0.08)
})

test('visits are told apart by what their answers say, and the uplift by what the store has', () => {
  const [shopper] = shoppers(1)
  if (!shopper) throw new Error('nobody')
  const made = { decisionId: '', accepted: 0, duplicates: 0, redeemed: true }
  const seen = { ...made, shopper: { ...shopper, identifies: true } }
  const visits: Visit[] = [
    { ...seen, offered: shopper.inApp[0] ?? { id: '', aisle: '' }, fallback: null },
    { ...seen, offered: { id: 'x', aisle: 'nothing' }, fallback: 'holdout', redeemed: false },
    {
      ...seen,
      shopper: { ...shopper, identifies: false },
      offered: { id: 'x', aisle: 'nothing' },
      fallback: 'unknown_visitor',
    },
  ]
  expect(groupsOf(visits)).toMatchObject({
    personal: { shoppers: 1, matchShare: 1, redeemedShare: 1 },
    strangers: { shoppers: 1, matchShare: 0 },
    same: { shoppers: 1, matchShare: 0, redeemedShare: 0 },
  })
  const entered = (variant: string, orders: number, count: number) =>
    Array.from({ length: count }, () => ({ variant, orders }))
  const half = [...entered('same', 0, 450), ...entered('same', 1, 50)]
  const uplift = upliftIn(
    [...half, ...entered('personal', 0, 300), ...entered('personal', 2, 200)],
    1_000,
  )
  expect(uplift?.difference.value).toBeCloseTo(0.3)
  expect(uplift?.proven).toBe(true)
})
