import { runDurableObjectAlarm } from 'cloudflare:test'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { Visitors } from '#edge/visitors/object.ts'
import type { DecisionRecord } from '#shared/contract.ts'
import { rawEvent } from '#test/support/events.ts'
import { type FakeHub, startFakeHub } from './fake-hub.ts'
import { forgetEverything, ownerOf, send, sendBatch } from './pop.ts'

let hub: FakeHub

beforeEach(() => {
  hub = startFakeHub()
})
afterEach(async () => {
  vi.restoreAllMocks()
  await forgetEverything()
})

const view = (messageId: string) => rawEvent({ messageId, properties: { product_id: messageId } })
const question = { placement: 'product-page', anonymousId: 'visitor-1' }
const decide = (...ids: readonly string[]) =>
  send('/v1/decide', { ...question, events: ids.map(view) })

/** What each stored decision saw of its session, in the order of their commits. */
async function viewsSeen(): Promise<number[]> {
  await runDurableObjectAlarm(ownerOf('a:visitor-1'))
  const records = hub.batches().flatMap((batch) => batch.records) as DecisionRecord[]
  return records.flatMap(({ kind, features }) =>
    kind === 'decision' ? (features.views as number) : [],
  )
}

describe('a visitor who asks again', () => {
  it('is known: the second decision, and one after events, go to the owner once', async () => {
    const look = vi.spyOn(Visitors.prototype, 'look')
    await decide('p1')
    expect(look).toHaveBeenCalledTimes(1)
    await decide('p2', 'p3')
    await sendBatch([view('p4')])
    await decide()
    expect(look).toHaveBeenCalledTimes(1)
    expect(await viewsSeen()).toEqual([1, 3, 4])
  })

  it('is looked at where the same events come again, which count once', async () => {
    await decide('p1')
    expect((await decide('p1', 'p2')).body).toMatchObject({ accepted: 1, duplicates: 1 })
    expect(await viewsSeen()).toEqual([1, 2])
  })

  it('is looked at where somebody else changed what is kept', async () => {
    await decide('p1')
    // As another isolate would: past this one's memory.
    await ownerOf('a:visitor-1').erase({ site: 'demo', visitor: 'a:visitor-1' })
    expect((await decide('p2')).body).toMatchObject({ accepted: 1 })
    expect((await viewsSeen()).at(-1)).toBe(1)
  })

  it('is answered and stored once for each of many questions at once', async () => {
    await decide('p0')
    const ids = Array.from({ length: 20 }, (_, index) => `q${index}`)
    const answers = await Promise.all(ids.map((id) => decide(id)))
    expect(answers.map(({ status, body }) => [status, body.accepted])).toEqual(
      ids.map(() => [200, 1]),
    )
    expect(new Set(answers.map(({ body }) => body.decisionId)).size).toBe(ids.length)
    expect(await viewsSeen()).toHaveLength(1 + ids.length)
  })
})
