import fc from 'fast-check'
import * as v from 'valibot'
import { describe, expect, it } from 'vitest'
import type { Session } from '#shared/session.ts'
import { columnsOf, type Feature, featuresSchema } from '#shared/tabular/feature.ts'
import { encodeFeatures, type FeatureFacts, readFeatures } from '#shared/tabular/read-features.ts'
import { totalsAt } from '#shared/totals.ts'

const features: Feature[] = [
  { name: 'views', from: 'session.views', type: 'number', imputed: 1 },
  { name: 'length', from: 'session.lengthMs', type: 'number', imputed: 1 },
  { name: 'spent', from: 'totals.spend1h', type: 'number', imputed: 2.5 },
  { name: 'amount', from: 'event.amount', type: 'number', imputed: -1 },
  { name: 'method', from: 'event.paymentMethod', type: 'text', categories: ['card', 'paypal'] },
  { name: 'member', from: 'context.member', type: 'number', imputed: 0 },
  { name: 'hour', from: 'time.hour', type: 'number', imputed: 12 },
]
const session: Session = {
  ...{ id: 's', startedAt: 1_000, lastAt: 4_000, events: 5, views: 3, carts: 1, purchases: 0 },
  ...{ spend: 0, items: [], bot: false },
}
const nobody: FeatureFacts = {
  ...{ session: null, totals: totalsAt(null, 0), event: {}, context: {} },
  time: { hour: 9, minute: 30, weekday: 1 },
}

describe('the features of a tabular model', () => {
  it('are read from session, totals, event, context and time', () => {
    const values = readFeatures(features, {
      ...{ ...nobody, session, totals: { ...nobody.totals, spend1h: 20 } },
      ...{ event: { amount: '19.95', paymentMethod: 'paypal' }, context: { member: true } },
    })
    expect(values).toEqual({
      ...{
        views: 3,
        length: 3_000,
        spent: 20,
        amount: 19.95,
        method: 'paypal',
        member: 1,
        hour: 9,
      },
    })
    expect(columnsOf(features)).toEqual([
      ...['views', 'length', 'spent', 'amount', 'method=card', 'method=paypal', 'member', 'hour'],
    ])
    expect([...encodeFeatures(features, values)]).toEqual(
      [3, 3_000, 20, 19.95, 0, 1, 1, 9].map(Math.fround),
    )
  })

  it('are imputed where they are missing, but for a session that has not begun and totals', () => {
    expect(readFeatures(features, nobody)).toEqual({
      ...{ views: 0, length: 0, spent: 0, amount: -1, method: '', member: 0, hour: 9 },
    })
  })

  it.each([[''], [' '], ['much'], [Number.NaN], [null], [{}], [[3]], [undefined]])(
    'are imputed where a number is %j',
    (amount) => {
      expect(readFeatures(features, { ...nobody, event: { amount } }).amount).toBe(-1)
    },
  )

  it('never read what an object has by nature', () => {
    const inherited: Feature[] = [
      { name: 'x', from: 'event.constructor', type: 'text', categories: ['Object'] },
      { name: 'y', from: 'context.__proto__', type: 'number', imputed: 7 },
    ]
    expect(readFeatures(inherited, nobody)).toEqual({ x: '', y: 7 })
  })

  it('are finite and as many as there are columns, whatever a customer sends; the log gives the same row', () => {
    fc.assert(
      fc.property(
        fc.dictionary(fc.constantFrom('amount', 'paymentMethod'), fc.anything()),
        fc.dictionary(fc.constantFrom('member'), fc.double()),
        (event, context) => {
          const values = readFeatures(features, { ...nobody, event, context })
          const row = encodeFeatures(features, values)
          expect(row).toHaveLength(columnsOf(features).length)
          expect(row.every(Number.isFinite)).toBe(true)
          expect(encodeFeatures(features, JSON.parse(JSON.stringify(values)))).toEqual(row)
        },
      ),
    )
  })
})

describe('a list of features', () => {
  it.each([
    ['a path to nothing', [{ ...features[0], from: 'views' }]],
    ['a field that sessions have not', [{ ...features[0], from: 'session.mood' }]],
    ['one name twice', [features[0], features[0]]],
    ['a category twice', [{ ...features[4], categories: ['card', 'card'] }]],
    ['an imputed value that is not finite', [{ ...features[0], imputed: Number.NaN }]],
    ['no feature', []],
  ])('is refused with %s', (_what, list) => {
    expect(v.safeParse(featuresSchema, list).success).toBe(false)
  })

  it('is taken as it is', () => {
    expect(v.parse(featuresSchema, features)).toEqual(features)
  })
})
