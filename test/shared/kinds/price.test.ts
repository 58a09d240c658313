import { describe, expect, it } from 'vitest'
import { limits } from '#shared/limits.ts'
import { checkPolicy } from '#shared/policy/check.ts'
import type { Placement } from '#shared/policy.ts'
import { mondayNoonMs } from '#test/support/decision.ts'
import { deciding, policyOfOne } from '#test/support/placement.ts'

type Price = Extract<Placement, { kind: 'price' }>
const fare: Price = {
  ...{ kind: 'price', model: 'demand', event: { fare: 'double', flight: 'string' } },
  ...{ base: 'event.fare', subject: 'event.flight', floor: 20, ceiling: 500, step: 0.25 },
  ...{ heldMs: 60_000, change: { shareMax: 0.1, perMs: 3_600_000 } },
  rules: [
    { name: 'demand', effect: 'factor', by: '0.5 + score' },
    { name: 'loyal', effect: 'add', by: '-5.0', when: 'context.loyal' },
  ],
}

function asking(changes: Partial<Price> = {}) {
  const ask = deciding({ ...fare, ...changes }, { loyal: 'bool' })
  return (fareNow: number | undefined, score?: number, afterMs = 0, context = {}) => {
    const event = fareNow === undefined ? { flight: 'a' } : { fare: fareNow, flight: 'a' }
    return ask({ event, score, context, at: mondayNoonMs + afterMs })
  }
}

describe('a price', () => {
  it('is its base, changed by the rules in their order', () => {
    expect(asking()(100, 0.75).answer).toMatchObject({ price: 125, rail: null, held: false })
    const loyal = asking()(100, 0.75, 0, { loyal: true })
    expect(loyal.answer).toMatchObject({ price: 120 })
  })

  it.each([
    ['floor', 1, 20],
    ['ceiling', 9_999, 500],
    ['step', 100.1, 100],
  ])('is moved by its %s, and says so', (rail, base, price) => {
    expect(asking()(base, 0.5).answer).toMatchObject({ price, rail })
  })

  it('is the same for the visitor as long as it is held, and then moves no faster than it may', () => {
    const ask = asking()
    expect(ask(100, 0.5).answer).toMatchObject({ price: 100, held: false })
    expect(ask(200, 2, 59_999).answer).toMatchObject({ price: 100, held: true })
    expect(ask(200, 2, 1_800_000).answer).toMatchObject({ price: 105, rail: 'change' })
    expect(ask(20, 0.5, 5_400_000).answer).toMatchObject({ price: 94.5, rail: 'change' })
  })

  it('is no price where the base is missing, and the rule that fails does nothing', () => {
    expect(asking()(undefined, 0.5).answer).toMatchObject({ price: null, reason: 'no_base_price' })
    const { answer, effects } = asking()(100)
    expect(answer).toMatchObject({ price: 100 })
    expect(effects.map(({ failures }) => failures)).toEqual([0, 1, 1])
  })

  it('is none of anything else while all that are kept bind: none gets free of its rails', () => {
    const ask = deciding(fare, { loyal: 'bool' })
    const price = (flight: string, fareNow: number, afterMs: number) =>
      ask({ event: { fare: fareNow, flight }, score: 0.5, at: mondayNoonMs + afterMs }).answer
    for (let flight = 0; flight < limits.pricesHeldMax; flight++) price(`f${flight}`, 100, flight)
    expect(price('another', 100, 1_000)).toMatchObject({ price: null, reason: 'too_many_prices' })
    expect(price('f0', 500, 120_000)).toMatchObject({ rail: 'change' })
    expect(price('another', 100, 3_600_001)).toMatchObject({ price: 100, reason: null })
  })

  it('goes on from what another policy left, within the rails of this one', () => {
    const ask = deciding(fare, { loyal: 'bool' })
    const memory = [{ subject: 'a', price: 9_000, at: mondayNoonMs - 1 }]
    const { answer } = ask({ event: { fare: 100, flight: 'a' }, score: 0.5, memory })
    expect(answer).toMatchObject({ price: 500, held: false })
  })
})

describe('the check of a price', () => {
  const sentences = (changes: Partial<Price>, context = {}, more = {}) =>
    checkPolicy(policyOfOne({ ...fare, rules: [], ...changes }, context, more)).map(
      ({ sentence }) => sentence,
    )

  it.each([
    'age',
    'customerAge',
    'genderCode',
    'maritalStatus',
    'maritalstatus',
    'birthYear',
    'dateOfBirth',
  ])('refuses %s as something it depends on, wherever it stands', (name) => {
    const refused = `no price may depend on ${name}: it is a protected attribute`
    expect(sentences({ base: `double(context.${name})` }, { [name]: 'int' })).toEqual([refused])
    const event = { ...fare.event, [name]: 'double' } as const
    expect(sentences({ event, base: `event.${name}` })).toEqual([refused])
    const rules: Price['rules'] = [
      { name: 'r', effect: 'add', by: '1.0', when: `has(context.${name})` },
    ]
    expect(sentences({ rules }, { [name]: 'int' })).toEqual([refused])
    const hidden = `[context].exists(c, has(c.${name})) ? 1.0 : 2.0`
    expect(sentences({ base: hidden }, { [name]: 'int' })).toEqual([refused])
    const lookedUp = { base: 'double(context[session.current])' }
    expect(sentences(lookedUp, { [name]: 'int' })[0]).toContain('has to be named')
  })

  it('refuses what the policy names, and nothing that only sounds like it', () => {
    const more = { protectedAttributes: ['postcode'] }
    const base = 'double(context.postcode)'
    expect(sentences({ base }, { postcode: 'int' }, more)).toHaveLength(1)
    expect(sentences({ base: 'context.page' }, { page: 'double' })).toEqual([])
  })
})
