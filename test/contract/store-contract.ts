/** What every store must do, whatever engine answers. */

import { randomUUID } from 'node:crypto'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Store } from '#hub/store/store.ts'

export interface StoreContract {
  /** The store under test, migrated; tests keep apart by sites of their own. */
  readonly store: () => Store
}

const at = '2026-03-01T10:20:30.456Z'

/** A whole event of a site; what a test cares about is passed in. */
export function eventRow(site: string, messageId: string, more: Record<string, unknown> = {}) {
  return {
    site,
    visitor: 'ann',
    message_id: messageId,
    type: 'track',
    event: 'Product Viewed',
    anonymous_id: 'ann',
    user_id: '',
    timestamp: at,
    original_timestamp: at,
    received_at: at,
    session: 's1',
    late: false,
    bot: true,
    epoch: 1,
    sequence: 7,
    position: 3,
    pop: 'box',
    region: 'eu',
    items: ['p1', "it's"],
    properties: '{"price":12.5}',
    context: '{}',
    traits: '{}',
    spend: 0,
    ...more,
  }
}

export function storeContract({ store }: StoreContract): void {
  const freshSite = () => `site-${randomUUID()}`

  async function count(site: string, table = 'events') {
    const sql = `SELECT count() AS n FROM ${table} WHERE site = {site:String}`
    return (await store().query<{ n: number }>(sql, { site }))[0]?.n
  }

  const refusal = (sql: string, limits = {}) =>
    store()
      .query(sql, {}, limits)
      .then(
        (rows) => ({ answered: rows }),
        ({ name, code, retryable }) => ({ name, code, retryable }),
      )

  test('a migration is applied once', async () => {
    expect(await store().migrate()).toEqual([])
    const rows = await store().query('SELECT name FROM migrations')
    expect(rows).toContainEqual({ name: '001-events' })
  })

  test('gives back what was inserted, and fills in what was left out', async () => {
    const site = freshSite()
    const { traits: _, ...row } = eventRow(site, 'm1')
    await store().insert('events', [row], randomUUID())
    const sql = 'SELECT * EXCEPT stored_at FROM events WHERE site = {site:String}'
    expect(await store().query(sql, { site })).toEqual([{ ...row, traits: '' }])
  })

  test('the same token inserts once, another token is not held back by it', async () => {
    const site = freshSite()
    const token = randomUUID()
    const rows = [eventRow(site, 'm1'), eventRow(site, 'm2')]
    await store().insert('events', rows, token)
    await store().insert('events', rows, token)
    expect(await count(site)).toBe(2)
    await store().insert('events', [eventRow(site, 'm3')], randomUUID())
    expect(await count(site)).toBe(3)
  })

  test('the same rows under two tokens are one in the view', async () => {
    const site = freshSite()
    for (const token of [randomUUID(), randomUUID()])
      await store().insert('events', [eventRow(site, 'm1')], token)
    expect(await count(site, 'events_once')).toBe(1)
  })

  test('inserts at the same time under tokens of their own all count', async () => {
    const site = freshSite()
    const inserts = Array.from({ length: 20 }, (_, index) =>
      store().insert('events', [eventRow(site, `m${index}`)], randomUUID()),
    )
    await Promise.all(inserts)
    expect(await count(site)).toBe(20)
  })

  test('two sites are two, though their messages have the same ids', async () => {
    const [one, two] = [freshSite(), freshSite()]
    const rows = [eventRow(one, 'm1'), eventRow(two, 'm1'), eventRow(two, 'm2')]
    await store().insert('events', rows, randomUUID())
    expect([await count(one, 'events_once'), await count(two, 'events_once')]).toEqual([1, 2])
  })

  test('takes decisions and refusals', async () => {
    const site = freshSite()
    const decision = {
      site,
      decision_id: 'd1',
      visitor: 'ann',
      at,
      placement: 'home',
      scores: [0.5, 0.25],
    }
    await store().insert('decisions', [decision], randomUUID())
    const refused = { site, at, identity: 'i1', reason: 'too-large', detail: 'x', body: '{' }
    await store().insert('refusals', [refused, { ...refused, identity: 'i2' }], randomUUID())
    expect([await count(site, 'decisions_once'), await count(site, 'refusals_once')]).toEqual([
      1, 2,
    ])
    const scores = 'SELECT scores FROM decisions WHERE site = {site:String}'
    expect(await store().query(scores, { site })).toEqual([{ scores: [0.5, 0.25] }])
    // A row of a POP that knew no other kind.
    const kind = 'SELECT kind, answer FROM decisions_once WHERE site = {site:String}'
    expect(await store().query(kind, { site })).toEqual([{ kind: 'items', answer: '{}' }])
  })

  test('a batch larger than one insert is cut, and still counts once', {
    timeout: 60_000,
  }, async () => {
    const site = freshSite()
    const token = randomUUID()
    const rows = Array.from({ length: 120_000 }, (_, index) => ({
      site,
      message_id: `m${index}`,
      timestamp: at,
    }))
    await store().insert('events', rows, token)
    await store().insert('events', rows, token)
    expect(await count(site)).toBe(120_000)
  })

  test('any text comes back as it went in', { timeout: 60_000 }, async () => {
    // No lone surrogates: they have no UTF-8, and the edge refuses them.
    const text = fc.string({ unit: 'grapheme', maxLength: 60 })
    const sly = fc.constantFrom(
      "'; DROP TABLE events; --",
      '\n\n;',
      '\\N',
      '\0',
      '{"a":1}\n{"b":2}',
      '$$;$$',
      '\t\r',
    )
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.oneof(text, sly), { minLength: 1, maxLength: 30 }),
        async (texts) => {
          const site = freshSite()
          const rows = texts.map((body, index) => ({
            site,
            at,
            identity: String(index).padStart(3, '0'),
            body,
          }))
          await store().insert('refusals', rows, randomUUID())
          const sql = 'SELECT body FROM refusals WHERE site = {site:String} ORDER BY identity'
          expect(await store().query(sql, { site })).toEqual(texts.map((body) => ({ body })))
          const echo = await store().query('SELECT {texts:Array(String)} AS texts', { texts })
          expect(echo).toEqual([{ texts }])
        },
      ),
      { numRuns: 25 },
    )
  })

  test('an empty insert is nothing, and an insert without a token is refused', async () => {
    await store().insert('events', [], randomUUID())
    await expect(store().insert('events', [], '')).rejects.toMatchObject({ code: 'invalid_query' })
  })

  test.each([
    ['an unknown column', { nope: 1 }],
    ['a time that is none', { timestamp: 'yesterday' }],
    ['a value of another type', { items: 'p1' }],
  ])('%s is refused, and nothing of the insert stays', async (_, wrong) => {
    const site = freshSite()
    const rows = [eventRow(site, 'm1'), eventRow(site, 'm2', wrong)]
    const inserting = store().insert('events', rows, randomUUID())
    await expect(inserting).rejects.toMatchObject({
      name: 'StoreError',
      code: 'invalid_query',
      retryable: false,
    })
    expect(await count(site)).toBe(0)
  })

  test('a statement without an answer answers nothing, and does its work', async () => {
    const site = freshSite()
    await store().insert(
      'events',
      [eventRow(site, 'm1'), eventRow(site, 'm2', { visitor: 'bob' })],
      randomUUID(),
    )
    const sql = 'DELETE FROM events WHERE site = {site:String} AND visitor = {visitor:String}'
    expect(await store().query(sql, { site, visitor: 'ann' })).toEqual([])
    expect(await count(site)).toBe(1)
  })

  test.each([
    ['SELEC 1', {}, { code: 'invalid_query', retryable: false }],
    ['SELECT * FROM nowhere', {}, { code: 'invalid_query', retryable: false }],
    ['SELECT {missing:String}', {}, { code: 'invalid_query', retryable: false }],
    ['SELECT number FROM numbers(11)', { rowsMax: 10 }, { code: 'refused', retryable: false }],
    [
      "SELECT repeat('x', number) FROM numbers(200)",
      { bytesMax: 10_000 },
      { code: 'refused', retryable: false },
    ],
    [
      "SELECT repeat('x', 1000) FROM numbers(11)",
      { bytesMax: 10_000 },
      { code: 'refused', retryable: false },
    ],
    [
      'SELECT sum(sipHash64(number)) FROM numbers(1e12)',
      { timeMaxMs: 100 },
      { code: 'timeout', retryable: true },
    ],
    [
      'SELECT length(groupArray(number)) FROM numbers(20000000)',
      { memoryMbMax: 20 },
      { code: 'refused', retryable: false },
    ],
  ])('%s is a typed error', async (sql, limits, expected) => {
    expect(await refusal(sql, limits)).toEqual({ name: 'StoreError', ...expected })
    expect(await store().query('SELECT 1 AS one')).toEqual([{ one: 1 }])
  })

  test.each([
    "INSERT INTO events (site) VALUES ('x')",
    'CREATE TABLE z (a Int8) ENGINE = Memory',
    'DROP TABLE events',
    'ALTER TABLE events DELETE WHERE 1',
    'SYSTEM FLUSH LOGS',
    'KILL QUERY WHERE 1',
    'USE system',
    'SET readonly = 0',
    'SELECT 1 SETTINGS readonly = 0',
    'SELECT 1 SETTINGS max_execution_time = 1000',
    'SELECT 1; DROP TABLE events',
    "SELECT * FROM events INTO OUTFILE 'out.csv'",
    'SELECT * FROM system.tables',
    'SELECT * FROM "system" . `tables`',
    'SELECT * FROM information_schema.tables',
    'SELECT * FROM /* ; */ system./**/one',
    "SELECT * FROM merge('system', '.*')",
    "SELECT file('/etc/hostname')",
    `SELECT "file"('/etc/hostname')`,
    "SELECT “file”('/etc/hostname')",
    "SELECT `fil\\x65`('/etc/hostname')",
    "SELECT * FROM file('/etc/hostname', 'LineAsString')",
    "SELECT * FROM url('http://127.0.0.1:1/', 'LineAsString')",
    "SELECT * FROM s3('http://127.0.0.1:1/a/b', 'CSV', 'a String')",
    "SELECT * FROM remote('127.0.0.1:1', 'system', 'one')",
    "SELECT * FROM executable('id', 'TSV', 'a String')",
    "SELECT * FROM mysql('127.0.0.1:1', 'a', 'b', 'c', 'd')",
    'SELECT * FROM {database:Identifier}.one',
    // Comments and quotes as the engine reads them: nested, by //, by # and by heredocs of any name.
    "SELECT /* /* */ ' */ file('/etc/hostname') AS x -- '",
    "SELECT /* /* */ ' */ 1 AS x INTO OUTFILE 'out' TRUNCATE -- '",
    "SELECT 1 /* /* */ ' */; KILL QUERY WHERE 1 -- '",
    "SELECT 1 // '\n, file('/etc/hostname') -- '",
    "SELECT 1 # '\n, file('/etc/hostname') -- '",
    "SELECT 1 #/**/ '\n, file('/etc/hostname') -- '",
    "SELECT $ ' $ 1 $ ' $, file('/etc/hostname') AS x -- '",
    "SELECT 1 AS a$$ ' $$ ', file('/etc/hostname') AS x -- '",
    'SELECT /* without its end',
    "SELECT 'without its end",
    "SELECT 'a''",
  ])('read-only refuses %s', async (sql) => {
    expect(await refusal(sql, { readOnly: true })).toMatchObject({
      code: 'refused',
      retryable: false,
    })
  })

  test.each([
    [
      "SELECT 'a; DROP TABLE events -- /* system.one' AS one",
      'a; DROP TABLE events -- /* system.one',
    ],
    ['-- why\nWITH 1 AS x SELECT x AS one;', 1],
    ["/* it's */ SELECT/**/5-/* two */-1e0/*x*//2 AS one -- that's it", 5.5],
    ["SELECT concat('it''s', '/*', '\\'') AS one -- '", "it's/*'"],
    ['(SELECT count() > -1 AS one FROM events_once)', 1],
    ["SELECT queryString('/a?file=b') AS one", 'file=b'],
    ['SELECT sumMerge(s) AS one FROM (SELECT sumState(number) AS s FROM numbers(3))', 3],
  ])('read-only answers %s', async (sql, one) => {
    expect(await store().query(sql, {}, { readOnly: true })).toEqual([{ one }])
  })

  test('a read-only query leaves the next one as free as before', async () => {
    const site = freshSite()
    await store().query('SELECT 1', {}, { readOnly: true, rowsMax: 1, timeMaxMs: 1_000 })
    await store().insert('events', [eventRow(site, 'm1')], randomUUID())
    expect(await store().query('SELECT number FROM numbers(5)')).toHaveLength(5)
    expect(await count(site)).toBe(1)
  })

  test('answers a ping', async () => {
    await store().ping()
  })
}
