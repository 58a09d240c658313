import { afterEach, describe, expect, it } from 'vitest'
import { Streams } from '#edge/visitors/streams.ts'
import { limits } from '#shared/limits.ts'
import { closeStreams, openStream as open } from './open-stream.ts'
import { counter, forgetEverything, ownerOf, send } from './pop.ts'

afterEach(async () => {
  await closeStreams()
  await forgetEverything()
})

async function decide(visitor: string): Promise<string> {
  const { body } = await send('/v1/decide', { anonymousId: visitor, placement: 'product-page' })
  return body.decisionId as string
}

/** What an answer says of the events that came with the question. */
const nothingSent = { accepted: 0, duplicates: 0, rejected: [] }

const nothing = { from: 7, pushes: [], hasMissed: false }

/** As many streams as may be open, each of another visitor. */
function full(streamsMax: number, clientOf: (visitor: number) => string): Streams {
  const streams = new Streams({ now: () => 0, streamsMax })
  for (let visitor = 0; visitor < streamsMax; visitor++) {
    streams.open(`${visitor}`, clientOf(visitor), nothing)
  }
  return streams
}

describe('a stream', () => {
  it('tells of each decision as it is made, the same as its answer told', async () => {
    const stream = await open('visitor-1')
    expect(stream.response.headers.get('content-type')).toBe('text/event-stream; charset=utf-8')
    const answer = await send('/v1/decide', { anonymousId: 'visitor-1', placement: 'product-page' })
    const event = await stream.next()
    expect(event?.event).toBe('decision')
    expect({ ...event?.data, ...nothingSent }).toEqual(answer.body)
    // Exactly these: what a decision was made from is nobody's business in a browser.
    expect(Object.keys(event?.data ?? {}).sort()).toEqual(
      [
        ...['decisionId', 'at', 'placement', 'kind', 'answer', 'items', 'release', 'model'],
        'fallback',
      ].sort(),
    )
  })

  it('tells nothing of another visitor, nor of another site’s visitor of the same name', async () => {
    const stream = await open('visitor-1')
    await decide('visitor-2')
    const question = { anonymousId: 'visitor-1', placement: 'product-page' }
    await send('/v1/decide', question, { key: 'other-key' })
    const own = await decide('visitor-1')
    expect((await stream.next())?.data.decisionId).toBe(own)
  })

  it('that broke off goes on after the last event it had, in order', async () => {
    const first = await open('visitor-1')
    await decide('visitor-1')
    const last = await first.next()
    await first.close()
    const missed = [await decide('visitor-1'), await decide('visitor-1')]
    const second = await open('visitor-1', { 'last-event-id': last?.id ?? '' })
    const told = [await second.next(), await second.next()]
    expect(told.map((event) => event?.data.decisionId)).toEqual(missed)
    expect(Number(told[1]?.id)).toBeGreaterThan(Number(told[0]?.id))
  })

  it('says so where more was missed than is kept', async () => {
    const first = await open('visitor-1')
    await decide('visitor-1')
    const last = await first.next()
    await first.close()
    for (let count = 0; count <= limits.streamPushesKeptMax; count++) await decide('visitor-1')
    const second = await open('visitor-1', { 'last-event-id': last?.id ?? '' })
    expect((await second.next())?.event).toBe('missed')
    expect((await second.next())?.event).toBe('decision')
  })

  it('too many of one visitor closes its oldest', async () => {
    const streams = []
    for (let count = 0; count <= limits.streamsPerVisitorMax; count++) {
      streams.push(await open('visitor-1'))
    }
    expect(await streams[0]?.next()).toBeNull()
    const decisionId = await decide('visitor-1')
    expect((await streams.at(-1)?.next())?.data.decisionId).toBe(decisionId)
  })

  it('that was told nothing goes on from where it began', async () => {
    const first = await open('visitor-1')
    const id = await first.begin()
    await first.close()
    const decisionId = await decide('visitor-1')
    const second = await open('visitor-1', { 'last-event-id': id })
    expect(await second.next()).toMatchObject({ event: 'decision', data: { decisionId } })
  })

  it('is refused where as many are open as may be and all are told, and again has room when one ends', () => {
    const streams = full(2, () => 'same')
    for (const visitor of ['0', '1']) streams.push(visitor, { number: 1, data: '{}' })
    expect(streams.hasRoomFor('c', 'same')).toBe(false)
    expect(streams.open('c', 'same', nothing)).toBeNull()
    streams.end('0')
    expect(streams.open('c', 'same', nothing)).not.toBeNull()
    for (const visitor of ['1', 'c']) streams.end(visitor)
  })

  it('of one more client has room though another client has opened as many as may be, and has been told', () => {
    const streams = full(8, () => 'greedy')
    for (let visitor = 0; visitor < 8; visitor++) {
      streams.push(`${visitor}`, { number: 1, data: '{}' })
    }
    for (const client of ['a', 'b', 'c']) {
      expect(streams.hasRoomFor(client, client)).toBe(true)
      expect(streams.open(client, client, nothing)).not.toBeNull()
      streams.push(client, { number: 1, data: '{}' })
    }
    // None of the others gives way to the client that has most.
    expect(streams.open('more', 'greedy', nothing)).toBeNull()
    for (const visitor of ['a', 'b', 'c', '0', '1', '2', '3', '4', '5', '6', '7'])
      streams.end(visitor)
  })

  it('has room where the address says nothing: the oldest that was told nothing gives way', async () => {
    const streams = new Streams({ now: () => 0, streamsMax: 2 })
    streams.open('told', '', nothing)
    streams.push('told', { number: 1, data: '{}' })
    const idle = streams.open('idle', '', nothing)?.pipeThrough(new TextDecoderStream())
    expect(streams.open('new', '', nothing)).not.toBeNull()
    let last = ''
    for await (const text of idle as unknown as AsyncIterable<string>) last = text
    expect(last).toContain('id: 7')
    for (const visitor of ['told', 'new']) streams.end(visitor)
  })

  it('that missed something leaves its client behind what was dropped, and says so once', async () => {
    const streams = new Streams({ now: () => 0, streamsMax: 1 })
    const resumed = { from: 9, pushes: [{ number: 3, data: '{}' }], hasMissed: true }
    const stream = streams.open('back', '', resumed)?.pipeThrough(new TextDecoderStream())
    streams.end('back')
    let text = ''
    for await (const part of stream as unknown as AsyncIterable<string>) text += part
    expect(text.match(/^(id|event): .*$/gm)).toEqual([
      ...['event: missed', 'id: 3', 'event: decision', 'id: 9'],
    ])
  })

  it('of a visitor who is erased ends', async () => {
    const stream = await open('visitor-1')
    await ownerOf('a:visitor-1').erase({ site: 'demo', visitor: 'a:visitor-1' })
    expect(await stream.next()).toBeNull()
  })

  it.each([
    ['/v1/stream?anonymousId=me', 401, 'missing_write_key'],
    ['/v1/stream?writeKey=nobody&anonymousId=me', 401, 'unknown_write_key'],
    ['/v1/stream?writeKey=demo', 400, 'invalid_question'],
  ])('%s is refused with %i %s', async (path, status, error) => {
    expect(await send(path, undefined, { key: null })).toMatchObject({ status, body: { error } })
  })

  it('is counted', async () => {
    const before = await counter('shelfedge_streams_opened_total')
    await open('visitor-1')
    expect(await counter('shelfedge_streams_opened_total')).toBe(before + 1)
  })
})
