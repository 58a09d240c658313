import { expect, test } from 'vitest'
import { pushTextOf } from '#edge/visitors/pushes.ts'
import { rowOf } from '#hub/rows.ts'
import { messageOf } from '#hub/webhooks/message.ts'
import type { DecisionRecord } from '#shared/contract.ts'
import { baseMs } from '#test/support/events.ts'

const record: DecisionRecord = {
  ...{ kind: 'decision', decisionId: 'd1', at: baseMs, placement: 'product-page', release: 'abc' },
  ...{ model: 'session-knn', fallback: null, session: 's1', features: {}, inputs: {}, effects: [] },
  ...{
    answerKind: 'items',
    answer: { more: true },
    items: ['shoe-1', 'sock-2'],
    scores: [0.7, 0.1],
  },
}

test('a webhook tells of a decision what the stream of its visitor tells', () => {
  const owner = { site: 'shop', visitor: 'a:1', pop: 'here', region: '' }
  const { row } = rowOf(record, { ...owner, epoch: 1, sequence: 1, position: 0 })
  const { timestamp, data } = JSON.parse(messageOf(row).body)
  const { at, ...streamed } = JSON.parse(pushTextOf(record))
  expect(data).toEqual({ ...streamed, site: 'shop', visitor: 'a:1' })
  expect(timestamp).toBe(new Date(at).toISOString())
  expect(streamed.items).toEqual([
    { id: 'shoe-1', score: 0.7 },
    { id: 'sock-2', score: 0.1 },
  ])
})
