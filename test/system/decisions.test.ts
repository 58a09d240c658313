import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { kindNames } from '#shared/kinds/table.ts'
import { windowColumns } from '#shared/stream/forecast.ts'
import { minuteMs } from '#test/support/events.ts'
import {
  chainVisits,
  patience,
  startTestSystem,
  type TestSystem,
  viewOf,
} from '#test/support/local-system.ts'
import { pumpOf } from '#test/support/pumps.ts'
import { runProgram } from '#test/support/start-program.ts'
import { type ToldStreams, toldStreams } from '#test/support/told-streams.ts'
import { type Receiver, startReceiver, webhookSecret } from '#test/support/webhook-receiver.ts'

// A POP in workerd decides, and the hub in Node decides the same again.

const issuesMax = 3
const policy = `
context: { budget: double, store: string, timezone: string, note: string }
experiments:
  socks: { variants: { plain: 50, first: 50 } }
  recommendations:
    variants: { with: 70, without: 30 }
    holdout: { variant: without, answer: popularity, placements: [product-page] }
models:
  kinds-of-visitors:
    learns: segments
    after: [Product Viewed, Order Completed]
    features:
      - { name: spend, from: session.spend, type: number, imputed: 0 }
      - { name: orders, from: totals.purchases30d, type: number, imputed: 0 }
    segmentsMin: 2
    segmentsMax: 3
  pump: { learns: stream, after: [Level Read], from: event.level }
placements:
  product-page:
    kind: items
    model: session-knn
    itemsMax: 10
    explore: { share: 0.4, among: 3 }
    rules:
      - { name: not-current, effect: filter, keep: item.id != session.current }
      - { name: affordable, effect: filter, keep: item.price <= context.budget, when: has(context.budget) }
      - { name: last-of-chain, effect: boost, where: 'item.id.endsWith("-c")', factor: 1.37 }
      - { name: busy, effect: boost, where: item.price > 3.0, factor: 0.7, when: session.events > 2 }
      - { name: local, effect: slot, where: item.price < 2.0, position: 2, when: variant.socks == "first" }
      - { name: late, effect: pin, item: first-7-a, position: 1, when: time.hour >= 12 }
      - { name: once, effect: frequency-cap, where: 'item.id.endsWith("-b")', shownMax: 1, windowMs: 600000 }
      - { name: spread, effect: diversity, relevance: 0.6 }
  ward:
    kind: alert
    levels:
      - { severity: low, on: session.views > 2, off: session.views < 1 }
      - { severity: high, on: totals.views1h > 4 }
    silenceMs: 3600000
  bed:
    kind: alert
    acknowledgedBy: Alarm Acknowledged
    levels: [{ severity: critical, on: session.views > 0, escalateMs: 1000 }]
  fare:
    kind: price
    event: { fare: double }
    base: event.fare
    subject: '"seat"'
    floor: 10
    ceiling: 200
    step: 0.05
    heldMs: 600000
    rules:
      - { name: keen, effect: factor, by: 1.0 + double(session.views) / 7.0 }
      - { name: never, effect: add, by: double(1 / (session.views - session.views)) }
  payment:
    kind: verdict
    event: { fare: double }
    unsure: review
    rules:
      - { name: large, verdict: block, when: event.fare > 90.0, reason: too large }
      - { name: busy, verdict: review, when: totals.views1h > 2 }
  chat:
    kind: alert
    model: sentiment
    text: event.message
    on: [Message Sent]
    levels:
      - { severity: unhappy, on: score < -0.4, off: score > 0.0 }
  pump-room:
    kind: alert
    model: pump
    levels: [{ severity: unusual, on: score > 1.0, off: score < 0.5 }]
  told:
    kind: verdict
    on: [Context Told]
    rules:
      - { name: zone, verdict: review, when: has(context.timezone) }
      - { name: mars, verdict: block, when: 'context.timezone == "Mars/Olympus"' }
      - { name: debt, verdict: block, when: 1.0 / context.budget < 0.0 }
      - { name: whole, verdict: block, when: 'context.note == "\uFFFD"' }
  who:
    kind: segment
    segments:
      - { name: keen, when: session.views > 2 }
      - { name: looking, when: session.views > 0 }
    otherwise: new
  audience:
    kind: segment
    model: kinds-of-visitors
    otherwise: unknown
  welcome:
    kind: offer
    offers:
      - name: half
        terms: { percent: 50 }
        budget: { id: spring, issuesMax: ${issuesMax} }
        code: { from: generated, prefix: H- }
        perVisitor: 1
      - { name: ten, terms: { percent: 10 }, code: TEN, perVisitor: 1 }
`

/** As a client has it. */
interface Answer {
  readonly [more: string]: unknown
  readonly messageId?: string
  readonly decisionId: string
  readonly kind: string
  readonly items: readonly { readonly id: string; readonly score: number; readonly by: string }[]
  readonly answer: object
  readonly release: string | null
  readonly fallback: string | null
}

interface Replay {
  readonly same: boolean
  readonly differences: readonly string[]
  readonly items: Answer['items']
  readonly answer: object
  readonly effects: readonly { readonly name: string; readonly items: readonly string[] }[]
}

const weekMs = 7 * 24 * 60 * minuteMs
const twoDaysMs = 2 * 24 * 60 * minuteMs
/** A Friday's end: what is usual goes by hour and weekend, and must not differ with when this runs. */
const pumpedUntil = Math.floor((Date.now() - twoDaysMs) / weekMs) * weekMs + twoDaysMs

/** A pump that is sound for its last days, and then stands still. */
const pumped = pumpOf(3)
const [stillFrom] = pumped.stuck
const readings = pumped.readings.slice(stillFrom - 1_400, stillFrom + 4).map(({ value }, at) => ({
  type: 'track',
  event: 'Level Read',
  messageId: `level ${at}`,
  anonymousId: 'pump',
  timestamp: new Date(pumpedUntil - (1_404 - at) * 5 * minuteMs).toISOString(),
  properties: { level: value },
}))

const chains = 20
const buyers = 60

/** The same of another pump. */
const renamed = (events: readonly object[]) =>
  events.map((event, at) => ({
    ...{ ...event, anonymousId: 'pump-2' },
    messageId: `again ${at} ${(event as { messageId: string }).messageId}`,
  }))

describe('a decision of a POP', { timeout: 240_000 }, () => {
  let on: TestSystem
  let receiver: Receiver
  let streams: ToldStreams
  const made: Answer[] = []
  const audience: Answer[] = []
  const pumps: Answer[] = []

  async function ask(placement: string, visitor: string, more: object | string = {}) {
    const who = JSON.stringify({ anonymousId: visitor, placement })
    const rest = typeof more === 'string' ? more : JSON.stringify(more)
    await streams.open(visitor)
    const headers = { authorization: `Basic ${btoa('shop-key:')}` }
    const body = rest === '{}' ? who : `${who.slice(0, -1)},${rest.slice(1)}`
    const init = { method: 'POST', headers, body }
    const response = await fetch(`${on.system.popUrl}/v1/decide`, init)
    expect(response.status).toBe(200)
    const answer = (await response.json()) as Answer
    made.push(answer)
    return answer
  }

  async function hub<Answered>(path: string): Promise<{ status: number; body: Answered }> {
    const headers = { authorization: `Bearer ${on.system.secrets.adminToken}` }
    const response = await fetch(on.system.hubUrl + path, { headers })
    return { status: response.status, body: (await response.json()) as Answered }
  }

  beforeAll(async () => {
    receiver = await startReceiver()
    const endpoint = { name: 'crm', site: 'shop', url: receiver.url, secret: webhookSecret }
    const webhooks = { WEBHOOKS: JSON.stringify([endpoint]), WEBHOOKS_ALLOW_PRIVATE: 'true' }
    on = await startTestSystem(webhooks, policy)
    streams = toldStreams(on.system.popUrl, 'shop-key')
    const visits = chainVisits('first', 200, chains).flat() as { properties: object }[]
    const priced = visits.map((visit, at) => ({
      ...visit,
      properties: { ...visit.properties, price: (at % 5) + 1, category: `category ${at % 3}` },
    }))
    for (let at = 0; at < priced.length; at += 150) {
      await on.post('shop', priced.slice(at, at + 150))
    }
    const orders = Array.from({ length: buyers }, (_, at) => ({
      ...viewOf(`buyer ${at}`, 'a lot', { total: 400 + at }),
      event: 'Order Completed',
    }))
    await on.post('shop', orders)
    for (let at = 0; at < 1_400; at += 200) {
      await on.post('shop', readings.slice(at, Math.min(at + 200, 1_400)))
    }
    // Before there is a release: by what is popular at the POP.
    await ask('product-page', 'early', { events: [viewOf('early', 'first-1-a')] })
    const sql = "SELECT count() FROM events_once WHERE site = 'shop'"
    await vi.waitFor(async () => expect(await on.count(sql)).toBe(601 + buyers + 1_400), patience)
    const { outcome, digest } = await on.retrain('shop')
    expect(outcome).toBe('published')
    await vi.waitFor(
      async () => expect((await on.decide('shop', 'watcher')).release).toBe(digest),
      patience,
    )
    for (let number = 0; number < 24; number++) {
      const visitor = `asker ${number}`
      const items = ['a', 'b', 'c', 'a'].slice(0, number % 5)
      const events = items.map((step, at) =>
        viewOf(visitor, `first-${(number + at) % chains}-${step}`),
      )
      const context = {
        ...(number % 2 ? { budget: 1 + (number % 5) } : {}),
        ...(number % 3 ? { timezone: number % 3 === 1 ? 'Pacific/Auckland' : 'Mars' } : {}),
      }
      await ask('product-page', visitor, { events, context, limit: 1 + (number % 10) })
      await ask('product-page', visitor)
      await ask('ward', visitor)
      await ask('ward', visitor, { events: [viewOf(visitor, 'a thing that no release knows')] })
      if (number > 5) continue
      const message = number % 4 ? ['Love it!', 'It broke :(', 'so-so'][number % 3] : number
      const said = { ...viewOf(visitor, 'a line', { message }), event: 'Message Sent' }
      await ask('chat', visitor, { events: [said] })
      const paid = viewOf(visitor, 'a seat', { fare: 20 * number })
      for (const placement of ['fare', 'payment', 'who', 'welcome']) {
        await ask(placement, visitor, {
          events: [{ ...paid, messageId: `${placement} ${number}` }],
        })
        await ask(placement, visitor)
      }
    }
    const contexts = [{}, { timezone: 'Mars/Olympus' }, { timezone: 'Asia/Tokyo' }]
    for (const context of [...contexts, { budget: -0 }, { note: '\ud800' }]) {
      // JSON.stringify would write -0 as 0 here already.
      const text = JSON.stringify({ context }).replace('"budget":0', '"budget":-0')
      await ask('told', 'teller', text)
      const heard = { event: 'Context Told', messageId: `told ${text}`, context }
      const { decisions } = (await on.post('shop', [
        { ...viewOf('teller', 'a line'), ...heard },
      ])) as unknown as { decisions: Answer[] }
      expect(decisions).toHaveLength(1)
      made.push(...decisions)
    }
    for (let at = 900; at < readings.length; at += 84) {
      pumps.push(await ask('pump-room', 'pump-2', { events: renamed(readings.slice(at, at + 84)) }))
    }
    audience.push(await ask('audience', 'shopper', { events: [viewOf('shopper', 'first-1-a')] }))
    const order = { ...viewOf('shopper', 'a lot', { total: 420 }), event: 'Order Completed' }
    audience.push(await ask('audience', 'shopper', { events: [order] }))
    const decisions =
      "SELECT count() FROM decisions_once WHERE site = 'shop' AND visitor != 'a:watcher'"
    await vi.waitFor(async () => expect(await on.count(decisions)).toBe(made.length), patience)
  }, 240_000)
  afterAll(async () => {
    streams?.close()
    await on?.remove()
    await receiver?.close()
  })

  it('is told on a stream and to a webhook as it was answered, whatever it is', async () => {
    // What an answer says of the events that came with the question; what set a decision off is of the decision.
    const said = made.map(({ accepted, duplicates, rejected, warnings, ...answer }) => answer)
    expect(new Set(said.map(({ kind }) => kind))).toEqual(new Set(kindNames))
    expect(said.filter(({ messageId }) => messageId?.startsWith('told '))).toHaveLength(5)
    const byId = <Told extends { decisionId: string }>(told: readonly Told[]) =>
      new Map(told.map((each) => [each.decisionId, each]))
    const streamed = () => byId(streams.told)
    const posted = () => byId(receiver.attempts.map(({ body }) => body.data as unknown as Answer))
    await vi.waitFor(() => {
      for (const { decisionId } of said) {
        expect([streamed().has(decisionId), posted().has(decisionId)]).toEqual([true, true])
      }
    }, patience)
    for (const answer of said) {
      const { decisionId } = answer
      expect(streamed().get(decisionId)).toEqual(answer)
      const { site, visitor, ...data } = posted().get(decisionId) as Answer & Record<string, string>
      expect(data).toEqual(answer)
      expect([site, visitor]).toEqual(['shop', expect.stringMatching(/^a:/)])
    }
    const details = said.flatMap(({ items }) => items)
    expect(details).toContainEqual(expect.objectContaining({ by: 'model', price: 3 }))
    expect(new Set(details.map(({ by }) => by))).toEqual(new Set(['model', 'popularity', 'pin']))
  })

  it('is made again by the hub, the same to the bit', async () => {
    for (const answer of made) {
      const { status, body } = await hub<Replay>(`/v1/decisions/${answer.decisionId}/replay`)
      expect(status).toBe(200)
      expect(body).toMatchObject({ same: true, differences: [] })
      const told = answer.items.map(({ id, score, by }) => ({ id, score, by }))
      expect(body.items).toEqual(told)
      expect(body.answer).toEqual(answer.answer)
    }
    // Chance is made again too.
    const explored = made.map(({ answer }) => (answer as { explored?: boolean }).explored)
    expect(explored).toEqual(expect.arrayContaining([true, false]))
    const fallbacks = new Set(made.map(({ fallback }) => fallback))
    expect(fallbacks).toEqual(
      new Set(['holdout', 'no_release', 'no_text', 'unknown_visitor', null]),
    )
  })

  it('names the segment that the hub has learned, and another once the visitor has bought', async () => {
    const [looking, bought] = audience.map(({ answer }) => answer as Record<string, unknown>)
    expect(looking).toMatchObject({ segment: 'typical', before: null })
    expect(bought).toMatchObject({
      segment: expect.stringMatching(/^high-(spend|orders)-/),
      before: 'typical',
    })
  })

  it('hears from a model of the hub that a pump stands still, and keeps what it foretold', async () => {
    const last = pumps.at(-1) as Answer
    expect(last).toMatchObject({ fallback: null, answer: { severity: 'unusual' } })
    const { body } = await hub<{ features: { forecast?: { window: readonly number[] } } }>(
      `/v1/decisions/${last.decisionId}`,
    )
    expect(body.features.forecast?.window).toHaveLength(windowColumns)
  })

  it('is explained: what it was made from, by which release, and what each rule did', async () => {
    const answer = made.find(({ items, fallback }) => items.length > 3 && fallback === null)
    if (answer === undefined) throw new Error('no decision of the model')
    const { body } = await hub<Record<string, unknown>>(`/v1/decisions/${answer.decisionId}`)
    expect(body).toMatchObject({
      ...{ decisionId: answer.decisionId, placement: 'product-page', answerKind: 'items' },
      release: { digest: answer.release, createdBy: 'operator' },
      items: answer.items.map(({ id }) => id),
      scores: answer.items.map(({ score }) => score),
      features: { variants: { socks: expect.any(String) }, views: expect.any(Number) },
      shownAt: null,
    })
    const replay = await hub<Replay>(`/v1/decisions/${answer.decisionId}/replay`)
    const names = replay.body.effects.map(({ name }) => name)
    expect(names).toHaveLength(8)
    expect((body.effects as { name: string }[]).map(({ name }) => name)).toContain('last-of-chain')
  })

  it('is shown and made again on the command line', async () => {
    const { decisionId = '' } = made.findLast(({ items }) => items.length > 0) ?? {}
    const shelfedge = (what: string) =>
      runProgram('hub/cli/main.ts', { ADMIN_TOKEN: on.system.secrets.adminToken }, [
        ...['--hub', on.system.hubUrl, 'decisions', what, decisionId],
      ])
    const shown = await shelfedge('show')
    expect(shown).toMatchObject({ status: 0, stderr: '' })
    expect(shown.stdout).toMatch(/^place +id +score +by +name +category +price$/m)
    const replayed = await shelfedge('replay')
    expect(replayed).toMatchObject({ status: 0, stderr: '' })
    expect(replayed.stdout).toContain(`${decisionId} is the same again, to the bit.`)
    expect(replayed.stdout).toMatch(/^not-current +filter +true/m)
  })

  it('of the clock comes to the hub, says that it is, and is made again', async () => {
    await ask('bed', 'patient', { events: [viewOf('patient', 'a sign')] })
    const byClock = `SELECT decision_id FROM decisions_once WHERE visitor = 'a:patient'
      AND JSONExtractString(inputs, 'by') = 'clock' ORDER BY at LIMIT 1`
    const told = await vi.waitFor(async () => {
      const [row] = await on.query<{ decision_id: string }>(byClock)
      if (row === undefined) throw new Error('nobody was told by the clock')
      return row.decision_id
    }, patience)
    await ask('bed', 'patient', {
      events: [{ ...viewOf('patient', 'a nurse'), event: 'Alarm Acknowledged' }],
    })
    const { body } = await hub<Record<string, unknown>>(`/v1/decisions/${told}`)
    const answer = { severity: 'critical', notify: true, escalation: 1, by: 'clock' }
    expect(body).toMatchObject({
      ...{ decisionId: told, placement: 'bed', model: 'none', answer },
      inputs: { by: 'clock', memory: { level: 1, escalation: 0 } },
      effects: [{ name: 'critical', effect: 'alert' }],
    })
    const again = await hub<Replay>(`/v1/decisions/${told}/replay`)
    expect(again.body).toMatchObject({ same: true, differences: [], answer })
  })

  it('gave an offer as often as its budget allows, and the hub says so', async () => {
    const offers = made.map(({ answer }) => answer as { offer?: string; code?: string })
    const codes = new Set(offers.filter(({ offer }) => offer === 'half').map(({ code }) => code))
    expect(codes.size).toBe(issuesMax)
    expect(offers.some(({ offer }) => offer === 'ten')).toBe(true)
    const { body } = await hub<object[]>('/v1/offers')
    expect(body).toMatchObject([{ offer: 'half', issuesMax, granted: issuesMax, left: 0 }])
    const [code] = [...codes]
    const verified = await hub(`/v1/offers/codes/${code}`)
    expect(verified.body).toMatchObject({ genuine: true, offer: 'half', budget: 'spring' })
    const listed = await runProgram(
      'hub/cli/main.ts',
      { ADMIN_TOKEN: on.system.secrets.adminToken },
      ['--hub', on.system.hubUrl, 'offers', 'list'],
    )
    expect(listed).toMatchObject({ status: 0, stderr: '' })
    expect(listed.stdout).toMatch(/^offer +budget +issuesMax +granted +handedOut +left$/m)
  })

  it('that nobody made is not there', async () => {
    for (const path of ['/v1/decisions/none', '/v1/decisions/none/replay']) {
      expect(await hub(path)).toMatchObject({ status: 404, body: { error: 'unknown_decision' } })
    }
  })
})
