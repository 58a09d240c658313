import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { askReleases, pushRelease } from '#hub/publishing/push.ts'
import { type CanaryTerms, isInCanary, placeIn } from '#shared/canary.ts'
import { type PackedRelease, packRelease, type ReleaseParts } from '#shared/release.ts'
import { type BoxPop, startBoxPop } from '#test/support/box-pop.ts'
import { releasePrivateKeyHex } from '#test/support/keys.ts'
import { smallRelease } from '#test/support/release.ts'
import { slowModel } from '#test/support/slow-model.ts'

// A POP in workerd, its state on disk. There is no hub: what ends a canary here, ends it alone.

const metricsToken = 'the-token-of-the-scraper-of-the-tests'
const timeMaxMs = 120_000
const sessions = [
  [0, 1, 2],
  [0, 1],
  [3, 4],
  [0, 1, 3],
  [2, 4],
]
const good = smallRelease({ sessions, itemsTotal: 6, prefix: 'live-' })
const better = smallRelease({ sessions, itemsTotal: 6, prefix: 'canary-' })

let directory: string
let pop: BoxPop
let live: PackedRelease
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'shelfedge-canary-'))
  pop = await startBoxPop(directory, { METRICS_TOKEN: metricsToken })
  live = await packRelease(good)
  await push(live, 'live')
}, timeMaxMs)
afterAll(async () => {
  await pop?.stop()
  await rm(directory, { recursive: true, force: true })
})

async function hubSignature() {
  const der = Buffer.from(releasePrivateKeyHex, 'hex')
  const key = await crypto.subtle.importKey('pkcs8', der, { name: 'Ed25519' }, false, ['sign'])
  return { key, now: () => Date.now(), newId: () => crypto.randomUUID() }
}

/** What the hub did before it went away. */
async function push({ digest, bytes }: PackedRelease, use: 'live' | CanaryTerms) {
  const release = { digest, bytes: async () => bytes, use }
  return pushRelease(pop.url, 'demo', release, await hubSignature())
}

let orders = 0
/** Half of the visitors; what a case is not about cannot end it. */
function termsOf(limits: Partial<CanaryTerms['limits']>): CanaryTerms {
  const idle = { failureShareMax: 1, latencyRatioMax: 1_000, outcomeErrorsMax: 1_000 }
  return {
    ...{ share: 0.5, startedAtMs: ++orders },
    limits: { visitorsMin: 20, latencyMsMin: 0, ...idle, ...limits },
  }
}

async function post(path: string, body: object): Promise<Record<string, unknown>> {
  const headers = { authorization: `Basic ${btoa('demo:')}` }
  const response = await fetch(pop.url + path, {
    ...{ method: 'POST', headers, body: JSON.stringify(body) },
  })
  if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`)
  return (await response.json()) as Record<string, unknown>
}

function eventOf(anonymousId: string, event: string, item: string) {
  const messageId = crypto.randomUUID()
  return { type: 'track', event, messageId, anonymousId, properties: { product_id: item } }
}

async function decide(visitor: string, item: string) {
  const events = [eventOf(visitor, 'Product Viewed', item)]
  return post('/v1/decide', { placement: 'product-page', anonymousId: visitor, events })
}

interface Case {
  readonly parts: ReleaseParts
  readonly limits: Partial<CanaryTerms['limits']>
  readonly item: string
  /** What a visitor does after a decision by this release. */
  readonly after?: (visitor: string, release: unknown, canary: string) => Promise<unknown>
}

/** Visitors come until the POP ends the canary; answers what it says of that. */
async function untilEnded({ parts, limits, item, after }: Case) {
  const packed = await packRelease(parts)
  const terms = termsOf(limits)
  await push(packed, terms)
  for (let at = 0; at < 400; at++) {
    const visitor = `${terms.startedAtMs}-${at}`
    const { release } = await decide(visitor, item)
    const state = await ask()
    if (state.ended?.startedAtMs === terms.startedAtMs) return { packed, terms, state }
    const expected = isInCanary(terms, placeIn(packed.digest, `a:${visitor}`))
      ? packed.digest
      : live.digest
    expect(release).toBe(expected)
    await after?.(visitor, release, packed.digest)
  }
  throw new Error(`the canary still runs: ${await metrics()}`)
}

async function ask() {
  return askReleases(pop.url, 'demo', await hubSignature())
}

async function metrics(): Promise<string> {
  const headers = { authorization: `Bearer ${metricsToken}` }
  return (await fetch(`${pop.url}/metrics`, { headers })).text()
}

describe('a POP whose hub is away ends a canary by itself', { timeout: timeMaxMs }, () => {
  it('where more of its decisions fail, and shows the counts of both meanwhile', async () => {
    // Its catalogue holds an item that its model has no room for.
    const unheard = { items: [...better.catalogue.items, { id: 'unheard-1' }, { id: 'unheard-2' }] }
    let shown = ''
    const { packed, terms, state } = await untilEnded({
      parts: { ...better, catalogue: unheard },
      limits: { failureShareMax: 0.1 },
      item: 'unheard-2',
      after: async () => {
        shown = await metrics()
      },
    })
    expect(state).toMatchObject({
      ...{ digest: live.digest, canary: null },
      ended: {
        digest: packed.digest,
        reason: "100.0 % of the canary's visitors had a decision that failed, 0.0 % of the others",
        figures: { canaryVisitors: 20, canaryFailures: 20, liveFailures: 0 },
      },
    })
    expect(shown).toContain('shelfedge_canary_visitors{site="demo",release="canary"} 19')
    expect(shown).toContain('shelfedge_canary_failures{site="demo",release="canary"} 19')
    expect(shown).toContain('shelfedge_canary_failures{site="demo",release="live"} 0')
    const canaried = (at: number) => isInCanary(terms, placeIn(packed.digest, `a:after-${at}`))
    const visitor = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9].find(canaried)
    expect((await decide(`after-${visitor}`, 'live-0')).release).toBe(live.digest)
    expect(await metrics()).toContain('shelfedge_canaries_ended_total 1')
  })

  it('where its decisions take longer', async () => {
    const models = { 'session-knn': slowModel() }
    const { state } = await untilEnded({
      parts: { ...better, models },
      limits: { latencyRatioMax: 3 },
      item: 'canary-0',
    })
    expect(state.ended?.reason).toMatch(
      /^a decision of the canary takes \d+\.\d ms, one of the others \d/,
    )
  })

  it('where fewer of its visitors buy', async () => {
    const { state } = await untilEnded({
      parts: better,
      limits: { visitorsMin: 30, outcomeErrorsMax: 3 },
      item: 'canary-0',
      after: async (visitor, release, canary) => {
        if (release === canary) return
        await post('/v1/batch', { batch: [eventOf(visitor, 'Product Added', 'live-1')] })
      },
    })
    expect(state.ended?.reason).toMatch(
      /^0\.0 % of the canary's visitors had an outcome, \d+\.\d % of/,
    )
  })

  it('and it stays ended when the POP starts again', async () => {
    const { ended } = await ask()
    await pop.stop()
    pop = await startBoxPop(directory, { METRICS_TOKEN: metricsToken })
    expect(await ask()).toMatchObject({ digest: live.digest, canary: null, ended })
    for (const at of [0, 1, 2, 3, 4, 5]) {
      expect((await decide(`again-${at}`, 'live-0')).release).toBe(live.digest)
    }
  })
})
