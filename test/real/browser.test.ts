import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { chromiumProgram, openShop, visit } from '../support/chromium.ts'
import {
  type Answer,
  chainVisits,
  patience,
  startTestSystem,
  type TestSystem,
  writeKeys,
} from '../support/local-system.ts'

// A page as README tells a storefront to write it, in a real browser, on another origin than the POP's.

const program = await chromiumProgram()
if (!program) console.warn('Browser tests are skipped: it is not here (Debian: chromium).')

const policy = `
placements:
  product-page:
    kind: items
    model: session-knn
    itemsMax: 5
  basket:
    kind: verdict
    on: [Product Added]
    event: { price: double }
    unsure: review
    rules:
      - { name: dear, verdict: review, when: event.price > 50.0 }
`

/** What the page did, and what it saw of it. */
interface Told {
  readonly anonymousId: string
  readonly failures: readonly unknown[]
  readonly answer: Answer
  readonly decision: {
    readonly placement: string
    readonly answer: { readonly verdict: string }
  }
  readonly refused: { readonly status: number; readonly error: string }
}

function pageFor(popUrl: string): string {
  const sdkSettings = {
    writeKey: writeKeys.shop,
    cdnSettings: {
      integrations: {
        'Segment.io': {
          apiKey: writeKeys.shop,
          apiHost: `${new URL(popUrl).host}/v1`,
          protocol: 'http',
        },
      },
      metrics: { sampleRate: 0 },
    },
  }
  return `<!doctype html>
<html lang="en">
<title>Shoes</title>
<script src="/sdk/index.js"></script>
<script type="module">
  const pop = ${JSON.stringify(popUrl)}
  const writeKey = ${JSON.stringify(writeKeys.shop)}
  const tell = (what) => fetch('/told', { method: 'POST', body: JSON.stringify(what) })
  const ask = (headers, question) =>
    fetch(pop + '/v1/decide', { method: 'POST', headers, body: JSON.stringify(question) })
  try {
    const [analytics] = await AnalyticsNext.AnalyticsBrowser.load(${JSON.stringify(sdkSettings)})
    const anonymousId = analytics.user().anonymousId()
    const query = new URLSearchParams({ writeKey, anonymousId })
    const stream = new EventSource(pop + '/v1/stream?' + query)
    await new Promise((opened) => stream.addEventListener('open', opened, { once: true }))
    const heard = new Promise((resolve) => {
      stream.addEventListener('decision', ({ data }) => resolve(JSON.parse(data)))
    })
    const contexts = [
      await analytics.page(),
      await analytics.track('Product Viewed', { product_id: 'first-1-a' }),
      await analytics.track('Product Added', { product_id: 'first-1-a', price: 89.5 }),
    ]
    const question = { anonymousId, placement: 'product-page', limit: 3 }
    const answer = await ask({}, { ...question, writeKey })
    // A header that no simple request has: the browser asks first whether it may.
    const refused = await ask({ authorization: 'Basic ' + btoa('wrong:') }, question)
    await tell({
      anonymousId,
      failures: contexts.flatMap((context) => context.failedDelivery() ?? []),
      answer: await answer.json(),
      decision: await heard,
      refused: { status: refused.status, error: (await refused.json()).error },
    })
  } catch (cause) {
    await tell({ failures: [String(cause)] })
  }
</script>
</html>`
}

describe.skipIf(!program)('a page in a browser', () => {
  let on: TestSystem
  beforeAll(async () => {
    on = await startTestSystem({}, policy)
    await on.post('shop', chainVisits('first', 60, 6).flat())
    const sql = "SELECT count() FROM events_once WHERE site = 'shop'"
    await vi.waitFor(async () => expect(await on.count(sql)).toBe(180), patience)
    const { digest } = await on.retrain('shop')
    await vi.waitFor(
      async () => expect((await on.decide('shop', 'watcher')).release).toBe(digest),
      patience,
    )
  })
  afterAll(() => on?.remove())

  it('reports by the SDK, asks, and is told of a decision, across origins', async () => {
    const sdk = createRequire(import.meta.url).resolve('@segment/analytics-next/package.json')
    const shop = await openShop(pageFor(on.system.popUrl), join(dirname(sdk), 'dist/umd'))
    const told = await visit<Told>(program as string, shop).finally(() => shop.close())
    expect(told).toMatchObject({
      failures: [],
      decision: { placement: 'basket', answer: { verdict: 'review' } },
      refused: { status: 401, error: expect.any(String) },
    })
    expect(told.answer.fallback).toBeNull()
    expect(told.answer.items.map(({ id }) => id)).toContain('first-1-b')
    const stored = await vi.waitFor(async () => {
      const events = await on.query<{ type: string; agent: string }>(
        `SELECT type, JSONExtractString(context, 'userAgent') AS agent
         FROM events_once WHERE site = 'shop' AND visitor = 'a:${told.anonymousId}' ORDER BY type`,
      )
      expect(events).toHaveLength(3)
      return events
    }, patience)
    expect(stored.map(({ type }) => type)).toEqual(['page', 'track', 'track'])
    expect(stored[0]?.agent).toContain('Chrome')
  })
})
