import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { json } from 'node:stream/consumers'
import { expect, it } from 'vitest'
import { sendShoppers } from '#hub/local/shoppers.ts'
import type { EventBody } from '#hub/synthetic/emission.ts'

const eventsWanted = 200

type Body = Partial<EventBody> & { readonly batch?: EventBody[]; readonly events?: EventBody[] }
const decision = { placement: 'product-page', release: null, fallback: null }

/** Stands for a POP and sends shoppers to it until it has taken enough of their events. */
async function eventsOfStart(seed: number): Promise<EventBody[]> {
  const taken: EventBody[] = []
  const enough = new AbortController()
  const server = createServer(async (request, response) => {
    const body = (await json(request)) as Body
    taken.push(...(body.batch ?? body.events ?? [body as EventBody]))
    const item = { id: 'item-0001' }
    response.end(JSON.stringify({ ...decision, decisionId: randomUUID(), items: [item] }))
    if (taken.length >= eventsWanted) enough.abort()
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const popUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  await sendShoppers({
    ...{ popUrl, seed, writeKey: 'demo', eventsPerSecond: 10_000, signal: enough.signal },
    ...{ onDecision: () => {}, onFailure: () => {} },
  })
  server.closeAllConnections()
  server.close()
  return taken
}

const idsOf = (events: readonly EventBody[]) => events.flatMap(({ messageId }) => messageId ?? [])
/** The tills stand in the shop and are the same at every start: only who walks in is somebody else. */
const shoppersOf = (events: readonly EventBody[]) =>
  events.flatMap(({ anonymousId }) => (anonymousId.startsWith('till-') ? [] : anonymousId))
const inBoth = <Value>(some: readonly Value[], others: readonly Value[]) =>
  some.filter((value) => others.includes(value))
const namesOf = (events: readonly EventBody[]) =>
  new Map(
    events.flatMap(({ properties: { product_id: id, name } = {} }) => (id ? [[id, name]] : [])),
  )

it('shoppers of another start are others, who do other things in the same shop', async () => {
  const [first, second] = [await eventsOfStart(1), await eventsOfStart(1)]
  expect(idsOf(second).length).toBeGreaterThan(0)
  expect(inBoth(idsOf(first), idsOf(second))).toEqual([])
  expect(shoppersOf(second).length).toBeGreaterThan(0)
  expect(inBoth(shoppersOf(first), shoppersOf(second))).toEqual([])
  const [names, namesLater] = [namesOf(first), namesOf(second)]
  const shared = inBoth([...names.keys()], [...namesLater.keys()])
  expect(shared.length).toBeGreaterThan(0)
  expect(shared.map((id) => namesLater.get(id))).toEqual(shared.map((id) => names.get(id)))
})

it('shoppers say of each decision that it was shown, under the name of whoever asked', async () => {
  const events = await eventsOfStart(2)
  const shown = events.filter(({ event }) => event === 'Decision Shown')
  expect(shown.length).toBeGreaterThan(0)
  const ids = shown.map(({ properties }) => properties?.decisionId)
  expect(new Set(ids).size).toBe(shown.length)
  const others = events.filter(({ event }) => event !== 'Decision Shown')
  const askers = new Set(others.map(({ anonymousId }) => anonymousId))
  expect(shown.filter(({ anonymousId }) => !askers.has(anonymousId))).toEqual([])
})

it('shoppers whose placement is not there are told so, and what they did is taken all the same', async () => {
  const failures: string[] = []
  const [asked, taken] = [new Set<string>(), new Set<string>()]
  const enough = new AbortController()
  const server = createServer(async (request, response) => {
    const body = (await json(request)) as Body
    if (request.url === '/v1/decide') {
      for (const id of idsOf(body.events ?? [])) asked.add(id)
      response.statusCode = 404
      response.end(JSON.stringify({ error: 'unknown_placement', detail: 'there is home' }))
      return
    }
    for (const id of idsOf(body.batch ?? [])) taken.add(id)
    response.end('{}')
    if ([...asked].some((id) => taken.has(id))) enough.abort()
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const popUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  await sendShoppers({
    ...{ popUrl, seed: 3, writeKey: 'demo', eventsPerSecond: 10_000, signal: enough.signal },
    ...{ onDecision: () => {}, onFailure: (reason, code) => failures.push(`${code}: ${reason}`) },
  })
  server.closeAllConnections()
  server.close()
  expect(failures).toContain('unknown_placement: 404 there is home')
  expect(inBoth([...asked], [...taken])).not.toEqual([])
})
