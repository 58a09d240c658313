import * as v from 'valibot'
import { describe, expect, it } from 'vitest'
import { drawOf } from '#shared/explore.ts'
import type { ItemRule } from '#shared/kinds/items.ts'
import { items as itemsKind } from '#shared/kinds/items.ts'
import { decide } from '#test/support/decision.ts'

const catalogue = ['a', 'b', 'c', 'd', 'e'].map((id) => ({ id }))
const candidates = catalogue.map(({ id }, at) => ({ id, score: 1 - at / 10 }))

function decideBy(
  decisionId: string,
  rules: readonly ItemRule[] = [],
  explore = { share: 0.4, among: 3 },
) {
  const { items, answer } = decide({ catalogue, candidates, rules, decisionId, explore })
  return { ids: items.map(({ id }) => id), answer }
}
const many = Array.from({ length: 6_000 }, (_, number) => `decision ${number}`)

describe('a placement that explores', () => {
  it('puts each of its best first as often as it says, and keeps the others', () => {
    const firsts = new Map<string, { times: number; propensity: unknown }>()
    for (const id of many) {
      const { ids, answer } = decideBy(id)
      expect(ids.toSorted()).toEqual(['a', 'b', 'c', 'd', 'e'])
      const first = ids[0] as string
      const { times } = firsts.get(first) ?? { times: 0 }
      firsts.set(first, { times: times + 1, propensity: answer.propensity })
    }
    expect([...firsts.keys()].toSorted()).toEqual(['a', 'b', 'c'])
    for (const [first, { times, propensity }] of firsts) {
      expect(propensity).toBeCloseTo(first === 'a' ? 0.6 + 0.4 / 3 : 0.4 / 3, 12)
      // Five standard errors of a share are 0.03 at most.
      expect(Math.abs(times / many.length - (propensity as number))).toBeLessThan(0.033)
    }
    const explored = many.filter((id) => decideBy(id).answer.explored).length
    expect(Math.abs(explored / many.length - 0.4)).toBeLessThan(0.033)
  })

  it('does the same again for the same decision, and nothing without one', () => {
    const id = many.find((each) => decideBy(each).ids[0] === 'c') as string
    expect(decideBy(id)).toEqual(decideBy(id))
    const quiet = decide({ catalogue, candidates, rules: [], explore: { share: 0.4, among: 3 } })
    expect(quiet).toMatchObject({ answer: {}, items: [{ id: 'a' }, { id: 'b' }, {}, {}, {}] })
    expect(drawOf(id)).toBeLessThan(0.4)
  })

  it('moves nothing that a rule has put, and says that it was sure', () => {
    const pin: ItemRule = { name: 'first', effect: 'pin', item: 'e', position: 1 }
    const slot: ItemRule = { name: 'second', effect: 'slot', where: 'item.id == "d"', position: 2 }
    for (const id of many.slice(0, 200)) {
      const pinned = decideBy(id, [pin])
      expect(pinned.ids).toEqual(['e', 'a', 'b', 'c', 'd'])
      expect(pinned.answer).toEqual({ explored: false, propensity: 1 })
      const slotted = decideBy(id, [slot])
      expect(slotted.ids[1]).toBe('d')
      expect(['a', 'b']).toContain(slotted.ids[0])
    }
  })

  it.each([
    [{ share: 0.1, among: 10 }, true],
    [{ share: 0.01, among: 2 }, false],
    [{ share: 0.9, among: 2 }, false],
    [{ share: 0.2, among: 1 }, false],
  ])('may say %j: %j', (explore, isGood) => {
    const placement = { kind: 'items', model: 'popularity', itemsMax: 10, explore }
    expect(v.is(itemsKind.schema, placement)).toBe(isGood)
  })
})
