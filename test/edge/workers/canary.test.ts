import { runInDurableObject } from 'cloudflare:test'
import { afterEach, describe, expect, it } from 'vitest'
import { ReleaseShelf } from '#edge/releases/shelf.ts'
import { isInCanary, placeIn } from '#shared/canary.ts'
import { type PackedRelease, packRelease, type ReleaseParts } from '#shared/release.ts'
import { rawEvent } from '#test/support/events.ts'
import { smallRelease } from '#test/support/release.ts'
import { packAndPush, pushRelease } from './hub-side.ts'
import { type Answer, counter, forgetEverything, send, sendBatch, testEnv } from './pop.ts'

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
    ...{ visitorsMin: 200, failureShareMax: 0.02, latencyRatioMax: 2, latencyMsMin: 5_000 },
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

/** Does something where the releases lie, as nobody else can. */
async function onShelf(work: (shelf: ReleaseShelf, state: DurableObjectState) => void) {
  const shelf = testEnv.RELEASES.get(testEnv.RELEASES.idFromName('releases'))
  await runInDurableObject(shelf, work)
}

/** By its name alone. */
const nobodys = (packed: PackedRelease) => ({ ...packed, bytes: new Uint8Array() })

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
    const inCanary = visitors.filter((visitor) =>
      isInCanary(terms, placeIn(packed.digest, `a:${visitor}`)),
    )
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
    const terms = termsOf(1, { visitorsMin: 3 })
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
        reason: "100.0 % of the canary's visitors had a decision that failed, 0.0 % of the others",
        figures: { canaryVisitors: 3, canaryFailures: 3 },
      },
    })
  })

  it('has one vote of each visitor it decided on: two who buy without end, bots and old events do not end it', async () => {
    const { body: first } = await packAndPush(live)
    const packed = await packRelease(better)
    const terms = termsOf(0.5, { visitorsMin: 8 })
    await pushRelease(packed, { canary: JSON.stringify(terms) })
    const ids = Array.from({ length: 60 }, (_, at) => `voter-${at}`)
    const voters = (isOwn: boolean) =>
      ids.filter((id) => isInCanary(terms, placeIn(packed.digest, `a:${id}`)) === isOwn).slice(0, 8)
    const [own, others] = [voters(true), voters(false)]
    const [eager, ...rest] = others as [string, ...string[]]
    const buy = (visitors: readonly string[], changes: object = {}) =>
      sendBatch(
        visitors.map((anonymousId) => {
          const messageId = crypto.randomUUID()
          return rawEvent({ event: 'Product Added', messageId, anonymousId, ...changes })
        }),
      )
    await buy(rest)
    for (const id of own) await decide(id, 'better-0')
    for (const id of others) await decide(id, 'live-0')
    for (let at = 0; at < 12; at++) {
      await decide(eager, 'live-0')
      await buy([eager])
    }
    await buy(rest, { context: { userAgent: 'Googlebot/2.1' } })
    await buy(rest, { timestamp: new Date(Date.now() - 3_600_000).toISOString() })
    const releaseOf = async () => (await decide(own[0] as string, 'better-0')).body.release
    expect([await releaseOf(), await releaseOf()]).toEqual([packed.digest, packed.digest])
    await buy(rest)
    expect([await releaseOf(), await releaseOf()]).toEqual([packed.digest, first.digest])
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

  it('rolls back from its disk to one that is no longer loaded, however large', async () => {
    const unheard = Array.from({ length: 80_000 }, () => ({ id: crypto.randomUUID() }))
    const items = [...live.catalogue.items, ...unheard]
    const large = await packRelease({ ...live, catalogue: { items } })
    expect(large.bytes.length).toBeGreaterThan(1_500_000)
    await pushRelease(large)
    await packAndPush(better)
    // It takes the place of the one before beside what is live.
    await packAndPush(failing, { canary: JSON.stringify(termsOf(1)) })
    const back = await pushRelease({ ...large, bytes: new Uint8Array() })
    expect(back).toMatchObject({ status: 200, body: { digest: large.digest } })
  })

  it('forgets one whose terms a version before this one wrote, so that the hub sends it again', async () => {
    const [first, second] = [await packRelease(live), await packRelease(better)]
    await pushRelease(first)
    await pushRelease(second, { canary: JSON.stringify(termsOf(1)) })
    await onShelf((_, state) => {
      state.storage.sql.exec(
        `UPDATE canaries SET terms = json_set(json_remove(terms, '$.limits.visitorsMin'), '$.limits.decisionsMin', 200)`,
      )
      const started = new ReleaseShelf(state, testEnv)
      expect(started.state('demo')).toMatchObject({ live: { digest: first.digest }, canary: null })
    })
  })

  it('is not ended by what is told late of an earlier order of the same release', async () => {
    await packAndPush(live)
    const packed = await packRelease(better)
    const [before, terms] = [termsOf(1), termsOf(1)]
    await pushRelease(packed, { canary: JSON.stringify(before) })
    await pushRelease(nobodys(packed), { canary: JSON.stringify(terms) })
    await onShelf((shelf) => {
      const { digest } = packed
      const end = { digest, at: Date.now(), reason: 'it failed', figures: {} }
      shelf.endCanary('demo', { ...end, startedAtMs: before.startedAtMs })
      expect(shelf.state('demo')).toMatchObject({ canary: { digest, terms }, ended: null })
      shelf.endCanary('demo', { ...end, startedAtMs: terms.startedAtMs })
      expect(shelf.state('demo')).toMatchObject({ canary: null, ended: { reason: 'it failed' } })
    })
  })

  it('refuses a canary whose terms are wrong', async () => {
    await packAndPush(live)
    const answer = await packAndPush(better, { canary: '{"share":2}' })
    expect(answer).toMatchObject({ status: 400, body: { error: 'canary_terms_invalid' } })
  })
})

describe('a POP with a standby', () => {
  const releaseOf = async (visitor: string) => (await decide(visitor, 'live-0')).body.release

  /** A release that takes more than a third of what an isolate may have, of noise that nobody reads. */
  function roomy(site = 'demo'): ReleaseParts {
    const noise = Buffer.concat(
      Array.from({ length: 120 }, () => crypto.getRandomValues(new Uint8Array(65_536))),
    ).toString('base64')
    return { ...live, manifest: { ...live.manifest, site, training: { noise } } }
  }

  /** The bytes on the shelf can no longer be loaded, so whatever answers now was loaded before. */
  async function spoilShelf() {
    await onShelf((_, { storage }) => {
      storage.sql.exec('UPDATE chunks SET bytes = zeroblob(9)')
    })
  }

  it('moves to it and back by name alone, and loads neither again', async () => {
    const [first, second] = [await packRelease(live), await packRelease(better)]
    await pushRelease(first)
    const waiting = await pushRelease(second, { as: 'standby' })
    const ready = { digest: first.digest, standby: second.digest, isStandbyReady: true }
    expect(waiting.body).toMatchObject(ready)
    expect(await releaseOf('one')).toBe(first.digest)
    await spoilShelf()
    const promoted = await pushRelease(nobodys(second))
    expect(promoted.body).toMatchObject({ digest: second.digest, standby: first.digest })
    expect(await releaseOf('one')).toBe(second.digest)
    const back = await pushRelease(nobodys(first))
    expect(back.body).toMatchObject({ digest: first.digest, standby: second.digest })
    expect(await releaseOf('one')).toBe(first.digest)
  })

  it('tries it on a part of the visitors without loading it, and has no room for a third meanwhile', async () => {
    const [first, second] = [await packRelease(live), await packRelease(better)]
    await pushRelease(first)
    await pushRelease(second, { as: 'standby' })
    await spoilShelf()
    const canary = JSON.stringify(termsOf(1))
    expect((await pushRelease(nobodys(second), { canary })).status).toBe(200)
    expect(await releaseOf('one')).toBe(second.digest)
    const third = await packAndPush(failing, { as: 'standby' })
    expect(third).toMatchObject({ status: 409, body: { error: 'canary_running' } })
    await pushRelease(nobodys(first), { canary: 'end' })
    expect(await releaseOf('one')).toBe(first.digest)
    expect((await pushRelease(nobodys(second))).status).toBe(200)
    expect(await releaseOf('one')).toBe(second.digest)
  })

  it('keeps one on the shelf alone where other sites take the room, and says that it is not ready', async () => {
    const others = await packAndPush(roomy('other'), { site: 'other' })
    expect(others.status).toBe(200)
    const [first, second] = [await packRelease(roomy()), await packRelease(roomy())]
    await pushRelease(first)
    const waiting = await pushRelease(second, { as: 'standby' })
    const shelved = { digest: first.digest, standby: second.digest, isStandbyReady: false }
    expect(waiting.body).toMatchObject(shelved)
    expect((await pushRelease(nobodys(second))).body).toMatchObject({ digest: second.digest })
  })

  it('refuses one that cannot run, or that the hub has not signed, and goes on with what is live', async () => {
    const [first, second] = [await packRelease(live), await packRelease(better)]
    await pushRelease(first)
    const models = { 'session-knn': new Uint8Array(5_000).fill(7) }
    const broken = await packAndPush({ ...better, models }, { as: 'standby' })
    expect(broken).toMatchObject({ status: 422, body: { error: 'model_unloadable' } })
    await pushRelease(second, { as: 'standby' })
    const unsigned = await pushRelease(nobodys(second), { signature: 'ab'.repeat(64) })
    expect(unsigned).toMatchObject({ status: 422, body: { error: 'release_signature_invalid' } })
    expect(await releaseOf('one')).toBe(first.digest)
  })
})
