import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { type Judged, judgeVerdicts } from '#examples/payments/judge-verdicts.ts'
import { policy } from '#examples/payments/policy.ts'
import { type Payment, propertiesOf, readPayments } from '#examples/payments/read-payments.ts'
import { splitPayments } from '#examples/payments/split-payments.ts'
import { lossOf, thresholds } from '#examples/payments/worth.ts'
import { parsePolicy } from '#hub/policies/parse-policy.ts'

test('its policy is one', () => {
  expect(parsePolicy(policy)).toMatchObject({ ok: true })
})

test('a payment is sent as numbers and text, and without what came of it', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'shelfedge-payments-'))
  const file = join(folder, 'payments.csv')
  await writeFile(
    file,
    'accountAgeDays,paymentMethod,numItems,label\n29,paypal,,0\n1,creditcard,2,1\n',
  )
  const [good, fraud] = readPayments(file)
  await rm(folder, { recursive: true })
  expect(propertiesOf(good as Payment)).toEqual({
    accountAgeDays: 29,
    paymentMethod: 'paypal',
    numItems: '',
  })
  expect([good?.isFraud, fraud?.isFraud]).toEqual([false, true])
})

test('parts have their shares of fraud and of the others, and no twins in two of them', () => {
  const payments = Array.from({ length: 400 }, (_, at): Payment => {
    const isFraud = at % 10 === 0
    return { columns: { amount: String(at % 150), label: isFraud ? '1' : '0' }, isFraud }
  })
  const parts = splitPayments(payments, [0.5, 0.5], 1)
  expect(splitPayments(payments, [0.5, 0.5], 1)).toEqual(parts)
  expect(parts.flat().toSorted((one, other) => one - other)).toEqual([...payments.keys()])
  const [first, second] = parts.map((places) => places.map((place) => payments[place] as Payment))
  for (const part of [first, second]) {
    expect(part?.filter(({ isFraud }) => isFraud).length).toBeCloseTo(20, -1)
  }
  const twins = new Set(first?.map(({ columns }) => JSON.stringify(columns)))
  expect(second?.some(({ columns }) => twins.has(JSON.stringify(columns)))).toBe(false)
})

test('a threshold lies where the two verdicts beside it cost the same', () => {
  const expected = (verdict: 'allow' | 'review' | 'block', chance: number) =>
    chance * lossOf(verdict, true, 1) + (1 - chance) * lossOf(verdict, false, 1)
  expect(expected('allow', thresholds.review)).toBeCloseTo(expected('review', thresholds.review))
  expect(expected('block', thresholds.block)).toBeCloseTo(expected('review', thresholds.block))
})

test('verdicts are judged by their scores, by rules alone where there is none, and by what they cost', () => {
  const judged = (verdict: Judged['verdict'], isFraud: boolean, score: number | null): Judged => ({
    ...{ verdict, isFraud, score, items: 2 },
  })
  const good = Array.from({ length: 98 }, (_, at) => judged('allow', false, at / 1_000))
  const figures = judgeVerdicts([...good, judged('block', true, 0.9), judged('block', false, 0.8)])
  expect(figures.prAuc.mean).toBe(1)
  expect(figures).toMatchObject({ fraudBlocked: 1, goodBlocked: 1, saved: 80 - 24 })
  const rules = judgeVerdicts(
    [...good, judged('review', true, 0)].map((each) => ({ ...each, score: null })),
  )
  expect(rules.prAuc.mean).toBe(1)
  expect(rules).toMatchObject({ fraudReviewed: 1, saved: 80 - 3 })
})
