import { expect, test } from 'vitest'
import { rowOf } from '#hub/rows.ts'
import { messageOf } from '#hub/webhooks/message.ts'
import type { DecisionRecord } from '#shared/contract.ts'
import { toldOf } from '#shared/told.ts'
import { baseMs } from '#test/support/events.ts'

const before: DecisionRecord = {
  ...{ kind: 'decision', decisionId: 'd1', at: baseMs, placement: 'product-page', release: 'abc' },
  ...{ model: 'session-knn', fallback: null, session: 's1', features: {}, inputs: {}, effects: [] },
  ...{
    answerKind: 'items',
    answer: { more: true },
    items: ['shoe-1', 'sock-2'],
    scores: [0.7, 0.1],
  },
}
const now: DecisionRecord = {
  ...before,
  itemDetails: {
    ...{ by: ['model', 'pin'], names: ['Shoe', null] },
    ...{ categories: ['shoes', null], prices: [59.95, null] },
  },
  messageId: 'm1',
}

const shoe = { by: 'model', name: 'Shoe', category: 'shoes', price: 59.95 }
const owner = { site: 'shop', visitor: 'a:1', pop: 'here', region: '' }
function posted(record: DecisionRecord) {
  const { row } = rowOf(record, { ...owner, epoch: 1, sequence: 1, position: 0 })
  return JSON.parse(messageOf(row).body)
}

test.each([
  ['with what its answer told', now, { messageId: 'm1' }, [shoe, { by: 'pin' }]],
  ['of a POP that did not send that', before, {}, [{}, {}]],
])('a webhook tells of a decision what its stream tells, %s', (_, record, more, details) => {
  const { timestamp, data } = posted(record)
  const told = toldOf(record)
  expect(data).toEqual({ ...told, site: 'shop', visitor: 'a:1' })
  expect(timestamp).toBe(new Date(baseMs).toISOString())
  expect(told).toEqual({
    ...{ decisionId: 'd1', at: baseMs, placement: 'product-page', kind: 'items', ...more },
    ...{ answer: { more: true }, release: 'abc', model: 'session-knn', fallback: null },
    items: [
      { id: 'shoe-1', score: 0.7, ...details[0] },
      { id: 'sock-2', score: 0.1, ...details[1] },
    ],
  })
})
