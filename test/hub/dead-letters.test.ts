import type { Hono } from 'hono'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { hubApp } from '#hub/app.ts'
import { storeChunk } from '#hub/consume.ts'
import { deadLetterOf } from '#hub/dead-letters/dead-letter.ts'
import { keepNew } from '#hub/dead-letters/letter-box.ts'
import { recordsTopic } from '#hub/log/topics.ts'
import { Schedule } from '#hub/schedule.ts'
import { StoreError } from '#hub/store/store.ts'
import {
  chunkOf,
  eventsOf,
  lettersOf,
  messageOf,
  type ShownLetter,
  untilLetter,
} from '#test/support/dead-letters.ts'
import { adminToken, counterOf, eventRecord, openTestHub, type TestHub } from '#test/support/hub.ts'

const waiting = { timeout: 15_000 }

let hub: TestHub
let app: Hono
beforeAll(async () => {
  hub = await openTestHub()
  app = hubApp(hub.environment, new Schedule(hub.environment))
})
afterAll(() => hub?.close())

const headers = { authorization: `Bearer ${adminToken}` }
async function ask<Answer>(path: string, method = 'GET'): Promise<Answer> {
  const response = await app.request(`/v1/deadletters${path}`, { method, headers })
  return (await response.json()) as Answer
}
const show = (id: string) => ask<ShownLetter>(`/${id}`)
const replay = (id: string) =>
  ask<{ outcome: string; letter: ShownLetter }>(`/${id}/replay`, 'POST')
const discard = (id: string) => ask<{ outcome?: string; error?: string }>(`/${id}/discard`, 'POST')

const good = (messageId: string) => JSON.stringify(eventRecord(messageId))
// Written as no JSON.stringify would write it: what is kept must be this text and no other.
const bad = '{ "kind":"event", "price": 1.0, "id": 12345678901234567890, "name": "\\u0041\\ud800" }'
const refusedByStore = 'Refused by the store'
const poison = JSON.stringify(eventRecord('poison', { event: refusedByStore }))

const positions = [
  ['first', 0],
  ['in the middle', 1],
  ['last', 2],
] as const

/** Two good records, and this one at a position. */
const around = (position: number, text: string) =>
  [good('near-1'), good('near-2')].toSpliced(position, 0, text)

async function withRefusingStore(run: () => Promise<void>): Promise<void> {
  const { store } = hub.environment
  await store.query(`ALTER TABLE events ADD CONSTRAINT healthy CHECK event != '${refusedByStore}'`)
  try {
    await run()
  } finally {
    await store.query('ALTER TABLE events DROP CONSTRAINT healthy')
  }
}

describe('a record that cannot be read', { timeout: 60_000 }, () => {
  it.each(positions)(
    '%s in its batch: it is kept whole, its neighbours are stored once',
    async (name, position) => {
      const visitor = `a:unreadable ${name}`
      await hub.environment.log.append(recordsTopic, [messageOf(visitor, around(position, bad))])
      const id = await untilLetter(hub, visitor)
      expect(await eventsOf(hub, visitor, 'events')).toEqual(['near-1', 'near-2'])
      expect(await show(id)).toMatchObject({
        ...{ id, site: 'shop', visitor, pop: 'pop-1', position, record: bad, encoding: 'text' },
        ...{ reason: 'invalid_record', state: 'waiting', attempts: 0, changedBy: 'hub' },
        detail: expect.stringContaining('type'),
      })
      expect(id).toMatch(/^[0-9a-f]{20}$/)
    },
  )

  it('alone in its batch, and what comes behind it is stored', async () => {
    const visitor = 'a:alone'
    const alone = messageOf(visitor, ['{"kind":"mood"}'])
    const behind = { ...messageOf('a:behind', [good('behind')]), key: alone.key }
    const name = 'shelfedge_dead_letters_total{reason="unknown_kind"}'
    const before = await counterOf(app, name)
    await hub.environment.log.append(recordsTopic, [alone, behind])
    const id = await untilLetter(hub, visitor)
    expect(await show(id)).toMatchObject({ reason: 'unknown_kind', record: '{"kind":"mood"}' })
    expect(await eventsOf(hub, 'a:behind')).toEqual(['behind'])
    await vi.waitFor(async () => expect(await counterOf(app, name)).toBe(before + 1), waiting)
  })

  it('because it is nested past every stack', async () => {
    const nested = `${'['.repeat(100_000)}${']'.repeat(100_000)}`
    const deep = good('deep').replace('"properties":{}', `"properties":{"deep":${nested}}`)
    await storeChunk(chunkOf([messageOf('a:deep', around(1, deep))]), hub.environment)
    const [letter, ...others] = await lettersOf(hub, 'a:deep')
    expect(others).toEqual([])
    expect(letter?.record).toBe(deep)
    expect(await show(letter?.id ?? '')).toMatchObject({ reason: 'record_failed' })
    expect(await eventsOf(hub, 'a:deep')).toEqual(['near-1', 'near-2'])
  })

  it('is not acknowledged before it is kept, and then kept once', async () => {
    const visitor = 'a:interrupted'
    const { environment } = hub
    const insert: typeof environment.store.insert = async (table, ...rest) => {
      if (table === 'dead_letters') throw new StoreError('unavailable', 'the store went away')
      await environment.store.insert(table, ...rest)
    }
    const chunk = chunkOf([messageOf(visitor, around(1, bad))])
    const interrupted = { ...environment, store: { ...environment.store, insert } }
    await expect(storeChunk(chunk, interrupted)).rejects.toMatchObject({ retryable: true })
    await storeChunk(chunk, environment)
    expect(await lettersOf(hub, visitor)).toMatchObject([{ record: bad, state: 'waiting' }])
    expect(await eventsOf(hub, visitor, 'events')).toEqual(['near-1', 'near-2'])
  })

  it('is stored with its neighbours, where a newer hub reads the same chunk again and understands', async () => {
    const visitor = 'a:updated'
    const chunk = chunkOf([messageOf(visitor, around(1, bad))])
    await storeChunk(chunk, hub.environment)
    // The update itself cannot happen in a test: what it changes is which records of the chunk are rows.
    const { value } = messageOf(visitor, around(1, good('understood')))
    const understood = chunk.messages.map((message) => ({ ...message, value }))
    await storeChunk({ ...chunk, messages: understood }, hub.environment)
    expect(await eventsOf(hub, visitor)).toEqual(['near-1', 'understood', 'near-2'])
  })

  it('is no refusal: those are the POP’s', async () => {
    const [row] = await hub.environment.store.query('SELECT count() AS rows FROM refusals')
    expect(row).toEqual({ rows: 0 })
  })
})

describe('a message that cannot be read', { timeout: 60_000 }, () => {
  it.each([
    ['torn', 'not_json', '{"pop":"pop-1","re'],
    ['of another contract', 'not_a_batch', '{"pop":"pop-1",  "records":"none"}'],
  ])('%s is one letter with the whole of it', async (name, reason, value) => {
    const visitor = `a:message ${name}`
    const message = { ...messageOf(visitor, []), value }
    const behind = messageOf(`${visitor} behind`, [good('behind')])
    await storeChunk(chunkOf([message, behind]), hub.environment)
    const id = await untilLetter(hub, visitor)
    expect(await show(id)).toMatchObject({ reason, record: value, site: 'shop', position: null })
    expect(await eventsOf(hub, `${visitor} behind`)).toEqual(['behind'])
  })

  it('since its bytes are not text, is kept as its bytes', async () => {
    const visitor = 'a:bytes'
    const bytes = Buffer.from([0x7b, 0x22, 0xff, 0xfe, 0x00])
    const chunk = chunkOf([{ ...messageOf(visitor, []), value: bytes.toString() }])
    const messages = chunk.messages.map((message) => ({ ...message, bytes }))
    await storeChunk({ ...chunk, messages }, hub.environment)
    const shown = await show(await untilLetter(hub, visitor))
    expect(shown).toMatchObject({ reason: 'not_text', encoding: 'base64' })
    expect(Buffer.from(shown.record, 'base64')).toEqual(bytes)
    expect(await replay(shown.id)).toMatchObject({ outcome: 'failed', letter: { attempts: 1 } })
  })

  it('for more bad records than a POP sends at once, is one letter and not thousands', async () => {
    const visitor = 'a:flood'
    const message = messageOf(visitor, [good('near'), ...Array<string>(1_001).fill('0')])
    await storeChunk(chunkOf([message]), hub.environment)
    const id = await untilLetter(hub, visitor)
    expect(await show(id)).toMatchObject({
      reason: 'too_many_bad_records',
      record: message.value,
      detail: expect.stringContaining('1001 of its 1002 records'),
    })
    expect(await eventsOf(hub, visitor)).toEqual(['near'])
  })
})

describe('a record that the store refuses', { timeout: 60_000 }, () => {
  it.each(positions)(
    '%s in its batch waits, and is stored once after the fix',
    async (name, position) => {
      const visitor = `a:refused ${name}`
      let id = ''
      await withRefusingStore(async () => {
        const message = messageOf(visitor, around(position, poison))
        await storeChunk(chunkOf([message]), hub.environment)
        id = await untilLetter(hub, visitor)
        expect(await eventsOf(hub, visitor, 'events')).toEqual(['near-1', 'near-2'])
        expect(await show(id)).toMatchObject({
          ...{ record: poison, position, reason: 'unstorable_row', state: 'waiting' },
          detail: expect.stringMatching(/^as a row of events: .*healthy/),
        })
        expect(await replay(id)).toMatchObject({
          outcome: 'failed',
          letter: { id, attempts: 1, state: 'waiting', reason: 'unstorable_row' },
        })
      })
      for (const attempts of [2, 3]) {
        expect(await replay(id)).toMatchObject({
          outcome: 'replayed',
          letter: { id, attempts, state: 'replayed', changedBy: 'operator' },
        })
      }
      const stored = ['near-1', 'near-2'].toSpliced(position, 0, 'poison')
      expect(await eventsOf(hub, visitor)).toEqual(stored)
      expect(await lettersOf(hub, visitor)).toHaveLength(1)
      expect(await discard(id)).toMatchObject({ error: 'already_replayed' })
    },
  )

  it('does not undo what an operator did, when its chunk comes again', async () => {
    const visitor = 'a:again'
    const [message, ...behind] = ['', ' 1', ' 2'].map((more) =>
      messageOf(visitor + more, more ? [good('behind')] : [bad, good('near')]),
    )
    if (!message) throw new Error('there is a first message')
    const chunk = chunkOf([message])
    await storeChunk(chunk, hub.environment)
    await storeChunk(chunk, hub.environment)
    const id = await untilLetter(hub, visitor)
    expect(await eventsOf(hub, visitor, 'events')).toEqual(['near'])
    expect(await discard(id)).toMatchObject({ outcome: 'discarded' })
    // Cut elsewhere, as after a restart: no token of the first time is used again.
    await storeChunk({ ...chunkOf([message, ...behind]), topic: chunk.topic }, hub.environment)
    expect(await lettersOf(hub, visitor)).toEqual([{ id, record: bad, state: 'discarded' }])
    expect(await eventsOf(hub, visitor)).toEqual(['near'])
  })
})

/** The letter that an older hub made of what the hub of today understands. */
async function letterOfOlderHub(visitor: string, text: string, position: number | null) {
  const [stored] = chunkOf([messageOf(visitor, [])]).messages
  if (!stored) throw new Error('there is one message')
  const place = { site: 'shop', visitor, epoch: 1, sequence: 1, pop: 'pop-1', region: 'here' }
  const { identity, appendedAtMs } = stored
  const letter = deadLetterOf(
    {
      message: {
        ...{ topic: 'of-tests', partition: 0, offset: Number(stored.offset) },
        ...{ identity, appendedAtMs },
      },
      batch: position === null ? null : { ...place, position },
      ...{ text: () => text, encoding: 'text' },
    },
    { reason: 'unknown_kind', detail: 'kind: not known to the hub of then' },
  )
  await keepNew([letter], letter.id, hub.environment)
  return letter.id
}

describe('what an older hub did not understand', { timeout: 60_000 }, () => {
  it('is stored by a replay, where it belongs in its batch', async () => {
    const id = await letterOfOlderHub('a:older', good('understood'), 4)
    expect(await replay(id)).toMatchObject({ outcome: 'replayed' })
    const sql = "SELECT message_id, site, pop, position FROM events_once WHERE visitor = 'a:older'"
    expect(await hub.environment.store.query(sql)).toEqual([
      { message_id: 'understood', site: 'shop', pop: 'pop-1', position: 4 },
    ])
  })

  it('as a whole message: its good records are stored, a bad one waits on its own', async () => {
    const visitor = 'a:older message'
    const { value } = messageOf(visitor, [good('left'), bad, good('right')])
    const id = await letterOfOlderHub(visitor, value, null)
    expect(await replay(id)).toMatchObject({ outcome: 'replayed' })
    expect(await eventsOf(hub, visitor)).toEqual(['left', 'right'])
    const letters = await lettersOf(hub, visitor)
    expect(letters.find((letter) => letter.id !== id)).toMatchObject({
      ...{ record: bad, state: 'waiting' },
    })
    expect(letters).toHaveLength(2)
  })

  it('is replayed by its reason, many at once, and what fails again waits on', async () => {
    await ask('/replay?limit=1000', 'POST')
    const before = await ask<{ total: number }>('?state=waiting&reason=invalid_record')
    for (let number = 0; number < 25; number++) {
      await letterOfOlderHub(`a:many ${number}`, good(`many-${number}`), 0)
    }
    await letterOfOlderHub('a:many bad', '{"kind":"mood"}', 0)
    const waiting = await ask<{ total: number }>('?state=waiting&reason=unknown_kind')
    const some = await ask<object>('/replay?reason=unknown_kind&limit=5', 'POST')
    expect(some).toEqual({ replayed: 5, failed: 0, left: waiting.total - 5 })
    const rest = await ask<{ replayed: number }>('/replay?reason=unknown_kind', 'POST')
    expect(rest.replayed).toBe(20)
    const [row] = await hub.environment.store.query(
      "SELECT count() AS rows FROM events_once WHERE startsWith(visitor, 'a:many ')",
    )
    expect(row).toEqual({ rows: 25 })
    expect(await lettersOf(hub, 'a:many bad')).toMatchObject([{ state: 'waiting' }])
    expect(await ask('?state=waiting&reason=invalid_record')).toMatchObject({
      total: before.total,
    })
  })
})

describe('an operator', { timeout: 60_000 }, () => {
  it('discards what shall not wait; it is still there, and can be replayed', async () => {
    const id = await letterOfOlderHub('a:discarded', good('given-up'), 0)
    const before = await counterOf(app, 'shelfedge_dead_letters_discarded_total')
    for (const _twice of [1, 2]) {
      expect(await discard(id)).toMatchObject({ outcome: 'discarded', letter: { id } })
    }
    expect(await counterOf(app, 'shelfedge_dead_letters_discarded_total')).toBe(before + 1)
    expect(await show(id)).toMatchObject({ state: 'discarded', record: good('given-up') })
    await ask('/replay?reason=unknown_kind', 'POST')
    expect(await eventsOf(hub, 'a:discarded')).toEqual([])
    expect(await replay(id)).toMatchObject({ outcome: 'replayed' })
    expect(await eventsOf(hub, 'a:discarded')).toEqual(['given-up'])
  })

  it('sees as many as asked for, and how many there are; never a record in a list', async () => {
    const { total, letters } = await ask<{ total: number; letters: ShownLetter[] }>(
      '?site=shop&limit=2',
    )
    expect(letters).toHaveLength(2)
    expect(total).toBeGreaterThan(2)
    expect(letters[0]).not.toHaveProperty('record')
    expect(await ask('?site=elsewhere')).toEqual({ total: 0, letters: [] })
  })

  it.each([
    ['GET', '/0123', 404, 'unknown_dead_letter', /no dead letter 0123/],
    ['POST', '/0123/replay', 404, 'unknown_dead_letter', /no dead letter 0123/],
    ['POST', '/0123/discard', 404, 'unknown_dead_letter', /no dead letter 0123/],
    [
      'GET',
      '?limit=1001',
      400,
      'invalid_filter',
      /^limit: a whole number from 1 to 1000, not 1001$/,
    ],
    ['GET', '?limit=0', 400, 'invalid_filter', /^limit: /],
    ['GET', '?state=lost', 400, 'invalid_filter', /^state: one of waiting, replayed, discarded/],
    ['POST', '/replay?reasn=x', 400, 'invalid_filter', /^reasn is not a filter/],
  ])('is told of %s %s', async (method, path, status, error, detail) => {
    const response = await app.request(`/v1/deadletters${path}`, { method, headers })
    expect(response.status).toBe(status)
    expect(await response.json()).toEqual({ error, detail: expect.stringMatching(detail) })
  })

  it('needs a token', async () => {
    expect((await app.request('/v1/deadletters')).status).toBe(401)
    expect((await app.request('/v1/deadletters/replay', { method: 'POST' })).status).toBe(401)
  })
})
