import * as ort from 'onnxruntime-web/wasm'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { clock } from '#edge/clock.ts'
import { wasmItemScorer } from '#edge/inference/wasm.ts'
import { releasePath } from '#shared/contract.ts'
import { sha256Hex } from '#shared/digest.ts'
import { limits } from '#shared/limits.ts'
import type { ItemModel } from '#shared/model.ts'
import { packRelease } from '#shared/release.ts'
import { indexFromModel, scoreSession } from '#shared/session-knn.ts'
import { signatureHeaders } from '#shared/signature.ts'
import { rawEvent } from '#test/support/events.ts'
import { type SmallRelease, smallRelease, tabularModel } from '#test/support/release.ts'
import { packAndPush, pushRelease } from './hub-side.ts'
import { type Answer, counter, forgetEverything, gzipped, send } from './pop.ts'

// Who saw 0 saw 1 next, in every session.
const followed: SmallRelease = {
  sessions: [
    [0, 1, 2],
    [0, 1],
    [3, 4],
    [0, 1, 3],
    [2, 4],
  ],
  itemsTotal: 6,
}
const releaseA = smallRelease({ ...followed, prefix: 'a-' })
const releaseB = smallRelease({ ...followed, prefix: 'b-' })

afterEach(forgetEverything)

function decide(visitor: string, views: readonly string[], key = 'demo'): Promise<Answer> {
  const events = views.map((item, at) =>
    rawEvent({
      messageId: `${visitor}-${at}`,
      anonymousId: visitor,
      properties: { product_id: item },
    }),
  )
  return send('/v1/decide', { placement: 'product-page', anonymousId: visitor, events }, { key })
}

function idsOf(answer: Answer): string[] {
  return (answer.body.items as { id: string }[]).map(({ id }) => id)
}

describe('a POP', () => {
  it('answers before its first release, and says that it has none', async () => {
    await decide('earlier', ['seen-1', 'seen-2'], 'other-key')
    const answer = await decide('new', [], 'other-key')
    expect(answer).toMatchObject({
      status: 200,
      body: { release: null, fallback: 'no_release', model: 'popularity' },
    })
    expect(idsOf(answer)).toEqual(expect.arrayContaining(['seen-1', 'seen-2']))
  })

  it('answers by the model of a release as soon as it was pushed, and names the release', async () => {
    const pushed = await packAndPush(releaseA)
    expect(pushed).toMatchObject({ status: 200, body: { site: 'demo', canary: null } })
    const answer = await decide('known', ['a-0'])
    expect(answer.body).toMatchObject({
      release: pushed.body.digest,
      model: 'session-knn',
      fallback: null,
      items: [{ id: 'a-1', by: 'model' }, {}, {}, {}, {}],
    })
    expect(idsOf(answer)).not.toContain('a-0')
  })

  it.each([
    ['nothing is known of', []],
    ['who saw only what the release does not know', ['unheard-of']],
  ])('answers a visitor %s by popularity, and says so', async (_what, views) => {
    await packAndPush(releaseA)
    const answer = await decide(`visitor-${views.length}`, views)
    expect(answer.body).toMatchObject({ fallback: 'unknown_visitor', model: 'popularity' })
    expect(idsOf(answer)).toEqual(['a-0', 'a-1', 'a-2', 'a-3', 'a-4', 'a-5'])
  })

  it('never mixes two releases, whatever is pushed while it decides', async () => {
    const packed = [await packRelease(releaseA), await packRelease(releaseB)] as const
    await pushRelease(packed[0])
    const prefixes = new Map(packed.map(({ digest }, at) => [digest, ['a-', 'b-'][at]]))
    const answers: Answer[] = []
    let isSwapping = true
    const shoppers = [1, 2, 3, 4].map(async (shopper) => {
      for (let at = 0; isSwapping; at++) {
        answers.push(await decide(`shopper-${shopper}-${at}`, ['a-0', 'b-0']))
      }
    })
    for (const next of [1, 0, 1, 0, 1, 0] as const) {
      await pushRelease(packed[next])
      const answer = await decide(`after-${crypto.randomUUID()}`, ['a-0', 'b-0'])
      expect(answer.body.release).toBe(packed[next].digest)
      answers.push(answer)
    }
    isSwapping = false
    await Promise.all(shoppers)
    for (const answer of answers) {
      const prefix = prefixes.get(answer.body.release as string) as string
      expect(prefix).toMatch(/^[ab]-$/)
      expect(idsOf(answer).length).toBeGreaterThan(0)
      expect(idsOf(answer).filter((id) => !id.startsWith(prefix))).toEqual([])
    }
  })
})

const zeros = 'ab'.repeat(64)
type Break = () => Promise<Answer>
const broken: [what: string, status: number, code: string, push: Break][] = [
  [
    'no signature',
    401,
    'signature_missing',
    () => packAndPush(releaseB, { headers: { [signatureHeaders.signature]: '' } }),
  ],
  ['an old signature', 401, 'signature_expired', () => packAndPush(releaseB, { signedAtMs: 1 })],
  [
    'a request signed by somebody else',
    401,
    'signature_invalid',
    async () => {
      const pair = await crypto.subtle.generateKey({ name: 'Ed25519' }, true, ['sign', 'verify'])
      return packAndPush(releaseB, { key: (pair as CryptoKeyPair).privateKey })
    },
  ],
  [
    'a signature of no length that there is',
    401,
    'signature_invalid',
    () => packAndPush(releaseB, { headers: { [signatureHeaders.signature]: 'ab'.repeat(32) } }),
  ],
  [
    'a body that says it is to be inflated',
    415,
    'unsupported_encoding',
    () => packAndPush(releaseB, { headers: { 'content-encoding': 'gzip' } }),
  ],
  [
    'a bomb of somebody without a key, of which nothing is read',
    401,
    'signature_invalid',
    async () => {
      const body = await gzipped(new Uint8Array(limits.releaseBytesMax))
      const signed = Object.values(signatureHeaders).map((name) => [name, 'ab'.repeat(64)])
      const timestamp = String(Math.floor(Date.now() / 1_000))
      const headers = { ...Object.fromEntries(signed), [signatureHeaders.timestamp]: timestamp }
      return send(`${releasePath}?site=demo`, body, {
        ...{ key: null, method: 'PUT' },
        headers: { ...headers, 'content-encoding': 'gzip' },
      })
    },
  ],
  [
    'a digest that is not of its bytes',
    422,
    'release_digest_mismatch',
    () => packAndPush(releaseB, { digest: 'd'.repeat(64) }),
  ],
  [
    'a release signature that is wrong',
    422,
    'release_signature_invalid',
    () => packAndPush(releaseB, { signature: zeros }),
  ],
  [
    'a ZIP file cut off',
    422,
    'release_unreadable',
    async () => {
      const bytes = (await packRelease(releaseB)).bytes.slice(0, 2_000)
      return pushRelease({ bytes, digest: await sha256Hex(bytes) })
    },
  ],
  [
    'a release for another site',
    422,
    'release_site_mismatch',
    () => packAndPush({ ...releaseB, manifest: { ...releaseB.manifest, site: 'other' } }),
  ],
  ['a site nobody serves', 404, 'unknown_site', () => packAndPush(releaseB, { site: 'nobody' })],
  [
    'a model with other inputs than it declares',
    422,
    'model_unloadable',
    () => {
      const models = { 'session-knn': tabularModel([{ name: 'views', from: 'session.views' }]) }
      return packAndPush({ ...releaseB, manifest: { ...releaseB.manifest, models } })
    },
  ],
  [
    'a model of garbage',
    422,
    'model_unloadable',
    () => packAndPush({ ...releaseB, models: { 'session-knn': new Uint8Array(5_000).fill(7) } }),
  ],
  [
    'a model that loads and does not run',
    422,
    'model_unloadable',
    () => {
      const model = { ...(releaseB.manifest.models['session-knn'] as ItemModel), itemsMax: 3 }
      const models = { 'session-knn': model }
      return packAndPush({ ...releaseB, manifest: { ...releaseB.manifest, models } })
    },
  ],
]

describe('a push that is broken', () => {
  it.each(broken)(
    'is refused, and what was live stays live: %s',
    async (_w, status, code, push) => {
      const { body: live } = await packAndPush(releaseA)
      const before = await counter('shelfedge_requests_refused_total', `code="${code}"`)
      const answer = await push()
      expect(answer).toMatchObject({ status, body: { error: code } })
      expect(answer.body.detail).toMatch(/\w+ \w+/)
      expect(await counter('shelfedge_requests_refused_total', `code="${code}"`)).toBe(before + 1)
      const decided = await decide('after', ['a-0'])
      expect(decided.body).toMatchObject({ release: live.digest, fallback: null })
      expect(idsOf(decided)[0]).toBe('a-1')
    },
  )

  it('is refused for now where the runtime does not open its model, and taken the next time', async () => {
    const { body: live } = await packAndPush(releaseA)
    vi.spyOn(ort.InferenceSession, 'create').mockReturnValueOnce(new Promise(() => {}))
    vi.spyOn(clock, 'wait').mockResolvedValueOnce()
    const stuck = await packAndPush(releaseB)
    expect(stuck).toMatchObject({ status: 503, body: { error: 'release_timed_out' } })
    expect(stuck.body.detail).toContain('the model session-knn cannot be loaded')
    expect((await decide('meanwhile', ['a-0'])).body.release).toBe(live.digest)
    const again = await packAndPush(releaseB)
    expect(again.status).toBe(200)
    expect((await decide('then', ['b-0'])).body.release).toBe(again.body.digest)
  })

  it('is refused where it is an old one sent again', async () => {
    const push = { nonce: crypto.randomUUID(), signedAtMs: Date.now() }
    expect((await packAndPush(releaseA, push)).status).toBe(200)
    const again = await packAndPush(releaseA, push)
    expect(again).toMatchObject({ status: 401, body: { error: 'signature_replayed' } })
  })
})

it('the model in WebAssembly scores as the same model in TypeScript does', async () => {
  const { models, manifest } = smallRelease(followed)
  const model = models['session-knn'] as Uint8Array
  const scorer = await wasmItemScorer(model, manifest.models['session-knn'] as ItemModel)
  const index = indexFromModel(model)
  for (const session of [[0], [1, 0], [3, 4, 2], [5], [0, 1, 2, 3, 4, 5, 0], []]) {
    const numbers = Int32Array.from(session)
    const expected = scoreSession(index, numbers)
    const scored = await scorer.score(numbers)
    expect([...scored.items]).toEqual([...expected.items])
    for (const [at, score] of scored.scores.entries()) {
      expect(Math.abs(score - (expected.scores[at] as number))).toBeLessThan(1e-5)
    }
  }
  await scorer.dispose()
})
