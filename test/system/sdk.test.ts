import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { browserPage } from '#test/support/browser-page.ts'
import {
  patience,
  startTestSystem,
  type TestSystem,
  writeKeys,
} from '#test/support/local-system.ts'

/*
 * Unmodified SDKs of Segment, as their packages ship them, against a running POP and hub: only their
 * addresses are set. analytics-node posts batches to `/v1/batch`. analytics-next is the browser's; it runs here
 * in Node with a page of a few globals, so that it is tried everywhere (a real browser is in test/real), and
 * posts each event by itself to `/v1/t`, `/v1/p` and `/v1/i`, with `fetch`, through its own queue and plugins.
 */

interface StoredEvent {
  readonly type: string
  readonly event: string
  readonly visitor: string
  readonly items: readonly string[]
  readonly properties: string
  readonly traits: string
  readonly library: string
}

let on: TestSystem
beforeAll(async () => {
  on = await startTestSystem()
}, 120_000)
afterAll(() => on?.remove())
afterEach(() => vi.unstubAllGlobals())

/** Every event of one library, found as an analyst would: one query to the hub. */
function untilStored(library: string, events: number): Promise<StoredEvent[]> {
  const sql = `
    SELECT type, event, visitor, items, properties, traits,
           JSONExtractString(context, 'library', 'name') AS library
    FROM events_once WHERE site = 'shop' AND library = '${library}' ORDER BY type`
  return vi.waitFor(async () => {
    const stored = await on.query<StoredEvent>(sql)
    expect(stored).toHaveLength(events)
    return stored
  }, patience)
}

async function refusalsStored(): Promise<number> {
  return on.count(`SELECT count() FROM refusals_once WHERE site = 'shop'`)
}

/** What an SDK adds of its own is nobody's mistake. */
async function warningsTold(): Promise<string[]> {
  const metrics = await (await fetch(`${on.system.popUrl}/metrics`)).text()
  const lines = metrics.split('\n').filter((line) => line.startsWith('shelfedge_warnings_total'))
  expect(lines).not.toEqual([])
  return lines.filter((line) => !line.endsWith(' 0'))
}

describe('an unmodified SDK', { timeout: 120_000 }, () => {
  it('of servers delivers what it tracks, pages and identifies to the store', async () => {
    const { Analytics } = await import('@segment/analytics-node')
    const errors: unknown[] = []
    const analytics = new Analytics({ writeKey: writeKeys.shop, host: on.system.popUrl })
    analytics.on('error', (error) => errors.push(error))
    const who = { anonymousId: 'from-node' }
    analytics.identify({ ...who, traits: { plan: 'gold' } })
    analytics.page({ ...who, name: 'Shoes' })
    analytics.track({
      ...who,
      event: 'Product Viewed',
      properties: { product_id: 'shoe-1', name: 'Runner', price: 89.5, category: 'Shoes' },
    })
    analytics.track({
      ...who,
      event: 'Order Completed',
      properties: { total: 120, products: [{ product_id: 'shoe-1' }, { product_id: 'sock-2' }] },
    })
    await analytics.closeAndFlush({ timeout: 30_000 })
    const stored = await untilStored('@segment/analytics-node', 4)
    expect(stored.map(({ type }) => type)).toEqual(['identify', 'page', 'track', 'track'])
    expect(new Set(stored.map(({ visitor }) => visitor))).toEqual(new Set(['a:from-node']))
    expect(stored[1]?.event).toBe('Shoes')
    const byName = Object.fromEntries(stored.map((row) => [row.event, row]))
    expect(byName['Product Viewed']?.items).toEqual(['shoe-1'])
    expect(JSON.parse(byName['Product Viewed']?.properties ?? '')).toMatchObject({ price: 89.5 })
    expect(byName['Order Completed']?.items).toEqual(['shoe-1', 'sock-2'])
    expect(JSON.parse(stored[0]?.traits ?? '')).toEqual({ plan: 'gold' })
    expect({ errors, refused: await refusalsStored() }).toEqual({ errors: [], refused: 0 })
    expect(await warningsTold()).toEqual([])
  })

  it('of browsers delivers what it tracks, pages and identifies to the store', async () => {
    const page = browserPage('https://shop.example/shoes?utm_source=mail', 'Shoes')
    for (const [name, value] of Object.entries(page)) vi.stubGlobal(name, value)
    const { AnalyticsBrowser } = await import('@segment/analytics-next')
    const errors: unknown[] = []
    const apiHost = `${new URL(on.system.popUrl).host}/v1`
    const [analytics] = await AnalyticsBrowser.load({
      writeKey: writeKeys.shop,
      // What its CDN would answer: the plugin takes its key from here. Its own metrics would go to Segment.
      cdnSettings: {
        integrations: { 'Segment.io': { apiKey: writeKeys.shop, apiHost, protocol: 'http' } },
        metrics: { sampleRate: 0 },
      },
    })
    analytics.on('error', (error) => errors.push(error))
    const contexts = [
      await analytics.identify('user-9', { plan: 'gold' }),
      await analytics.page(),
      await analytics.track('Product Viewed', { product_id: 'shoe-1', price: 89.5 }),
      await analytics.track('Product Added', { product_id: 'sock-2', quantity: 2 }),
    ]
    const failures = contexts.flatMap((context) => context.failedDelivery() ?? [])
    const stored = await untilStored('analytics.js', 4)
    expect(stored.map(({ type }) => type)).toEqual(['identify', 'page', 'track', 'track'])
    expect(new Set(stored.map(({ visitor }) => visitor)).size).toBe(1)
    const byName = Object.fromEntries(stored.map((row) => [row.event, row]))
    expect(byName['Product Viewed']?.items).toEqual(['shoe-1'])
    expect(byName['Product Added']?.items).toEqual(['sock-2'])
    expect(JSON.parse(stored[0]?.traits ?? '')).toEqual({ plan: 'gold' })
    expect(JSON.parse(stored[1]?.properties ?? '')).toMatchObject({
      title: 'Shoes',
      url: 'https://shop.example/shoes?utm_source=mail',
    })
    const answer = await on.decide('shop', analytics.user().anonymousId() ?? '')
    expect(answer.items.map(({ id }) => id)).toContain('shoe-1')
    expect({ errors, failures, refused: await refusalsStored() }).toEqual({
      ...{ errors: [], failures: [], refused: 0 },
    })
  })
})
