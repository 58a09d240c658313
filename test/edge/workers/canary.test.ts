import { afterEach, describe, expect, it } from 'vitest'
import { isInCanary } from '#shared/canary.ts'
import { packRelease } from '#shared/release.ts'
import { rawEvent } from '#test/support/events.ts'
import { smallRelease } from '#test/support/release.ts'
import { packAndPush, pushRelease } from './hub-side.ts'
import { type Answer, counter, forgetEverything, send } from './pop.ts'

const sessions = [
  [0, 1, 2],
  [0, 1],
  [3, 4],
  [0, 1, 3],
  [2, 4],
]
const live = smallRelease({ sessions, itemsTotal: 6, prefix: 'live-' })
const better = smallRelease({ sessions, itemsTotal: 6, prefix: 'better-' })
/** Its catalogue holds items that the model has no room for: the model fails for whoever saw the last. */
const failing = {
  ...better,
  catalogue: { items: [...better.catalogue.items, { id: 'unheard-1' }, { id: 'unheard-2' }] },
}

let orders = 0
const termsOf = (share: number, limits: object = {}) => ({
  ...{ share, startedAtMs: ++orders },
  limits: {
    ...{ decisionsMin: 200, failureShareMax: 0.02, latencyRatioMax: 2, latencyMsMin: 5_000 },
    ...{ outcomeErrorsMax: 3, ...limits },
  },
})

afterEach(forgetEverything)

function decide(visitor: string, item: string): Promise<Answer> {
  const view = rawEvent({
    messageId: crypto.randomUUID(),
    anonymousId: visitor,
    properties: { product_id: item },
  })
  return send('/v1/decide', { placement: 'product-page', anonymousId: visitor, events: [view] })
}

describe('a POP with a canary', () => {
  it('answers each visitor by one of the two, always by the same, until the canary is promoted', async () => {
    const { body: first } = await packAndPush(live)
    const packed = await packRelease(better)
    const terms = termsOf(0.5)
    const pushed = await pushRelease(packed, { canary: JSON.stringify(terms) })
    expect(pushed).toMatchObject({
      status: 200,
      body: { digest: first.digest, canary: { digest: packed.digest, terms } },
    })
    const visitors = Array.from({ length: 12 }, (_, at) => `visitor-${at}`)
    const inCanary = visitors.filter((visitor) => isInCanary(packed.digest, terms, `a:${visitor}`))
    expect(inCanary.length).toBeGreaterThan(0)
    expect(inCanary.length).toBeLessThan(visitors.length)
    for (const visitor of [...visitors, ...visitors]) {
      const expected = inCanary.includes(visitor) ? packed.digest : first.digest
      expect((await decide(visitor, 'live-0')).body.release).toBe(expected)
    }
    const promoted = await pushRelease({ ...packed, bytes: new Uint8Array() })
    expect(promoted.body).toMatchObject({ digest: packed.digest, canary: null })
    for (const visitor of visitors) {
      expect((await decide(visitor, 'better-0')).body.release).toBe(packed.digest)
    }
  })

  it('ends it by itself where it fails, and says so to the hub', async () => {
    const { body: first } = await packAndPush(live)
    const packed = await packRelease(failing)
    const before = await counter('shelfedge_canaries_ended_total')
    const terms = termsOf(1, { decisionsMin: 3 })
    await pushRelease(packed, { canary: JSON.stringify(terms) })
    const releases: unknown[] = []
    for (let at = 0; at < 5; at++) {
      releases.push((await decide(`shopper-${at}`, 'unheard-2')).body.release)
    }
    expect(releases).toEqual([...Array(3).fill(packed.digest), ...Array(2).fill(first.digest)])
    expect(await counter('shelfedge_canaries_ended_total')).toBe(before + 1)
    const again = await packAndPush(live)
    expect(again.body).toMatchObject({
      digest: first.digest,
      canary: null,
      ended: {
        ...{ digest: packed.digest, startedAtMs: terms.startedAtMs },
        reason: "100.0 % of the canary's decisions failed, 0.0 % of the others",
        figures: { canaryDecisions: 3, canaryFailures: 3 },
      },
    })
  })

  it('ends it by order of the hub', async () => {
    const { body: first } = await packAndPush(live)
    await packAndPush(better, { canary: JSON.stringify(termsOf(1)) })
    const ended = await packAndPush(live, { canary: 'end' })
    expect(ended.body).toMatchObject({ canary: null, ended: null })
    expect((await decide('someone', 'live-0')).body.release).toBe(first.digest)
  })

  it('rolls back to a release it still has without its bytes, and asks for those it has not', async () => {
    const before = await packRelease(live)
    await pushRelease(before)
    await packAndPush(better)
    const nameAlone = { ...before, bytes: new Uint8Array() }
    expect((await pushRelease(nameAlone)).body).toMatchObject({ digest: before.digest })
    expect((await decide('one', 'live-0')).body.release).toBe(before.digest)
    const unknown = await pushRelease({ digest: 'ab'.repeat(32), bytes: new Uint8Array() })
    expect(unknown).toMatchObject({ status: 404, body: { error: 'release_unknown' } })
  })

  it('refuses a canary whose terms are wrong', async () => {
    await packAndPush(live)
    const answer = await packAndPush(better, { canary: '{"share":2}' })
    expect(answer).toMatchObject({ status: 400, body: { error: 'canary_terms_invalid' } })
  })
})
