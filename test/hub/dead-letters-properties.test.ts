import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { storeChunk } from '#hub/consume.ts'
import { elementTexts } from '#hub/dead-letters/element-texts.ts'
import { letterOfRow, letterRow } from '#hub/dead-letters/letter-row.ts'
import { chunkOf, eventsOf, lettersOf, messageOf } from '#test/support/dead-letters.ts'
import { eventRecord, openTestHub, type TestHub } from '#test/support/hub.ts'

/** JSON as anybody may write it: blanks anywhere, escapes, halves of surrogate pairs, numbers in any form. */
const blanks = fc.constantFrom('', ' ', '\n\t ')
const numbers = fc.constantFrom('0', '-1.50', '1E5', '1e400', '12345678901234567890')
const words = fc.constantFrom('true', 'false', 'null')
const texts = fc
  .oneof(fc.string({ unit: 'binary' }), fc.constantFrom('\0', '\ud800', '","', '\\', ']}', '"'))
  .map((text) => JSON.stringify(text))
const { json } = fc.letrec<{ json: string; list: string; object: string }>((tie) => ({
  json: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    texts,
    numbers,
    words,
    tie('list'),
    tie('object'),
  ),
  list: fc
    .tuple(fc.array(tie('json'), { maxLength: 4 }), blanks)
    .map(([all, blank]) => `[${blank}${all.join(`${blank},${blank}`)}${blank}]`),
  object: fc
    .tuple(fc.array(fc.tuple(texts, tie('json')), { maxLength: 4 }), blanks)
    .map(([all, blank]) => {
      const entries = all.map(([key, value]) => `${key}${blank}:${blank}${value}`)
      return `{${blank}${entries.join(`${blank},${blank}`)}${blank}}`
    }),
}))

describe('the records of a message', () => {
  it('are found as they are written, whatever stands around them', () => {
    fc.assert(
      fc.property(fc.array(json, { maxLength: 6 }), json, blanks, (records, other, blank) => {
        const list = `[${blank}${records.join(`${blank},${blank}`)}${blank}]`
        const before = `${blank}{${blank}"other"${blank}:${other},"records":0,`
        const message = `${before}"\\u0072ecords"${blank}:${blank}${list}${blank},"more":${other}}`
        expect(JSON.parse(message).records).toHaveLength(records.length)
        expect(elementTexts(message, 'records')).toEqual(records)
      }),
      { numRuns: 300 },
    )
  })

  it('are none in JSON without such a list', () => {
    fc.assert(
      fc.property(json, json, (text, other) => {
        expect(elementTexts(text, 'records')).toEqual([])
        const within = `{"in":{"records":[1]},"records":{"records":[${other}]}}`
        expect(elementTexts(within, 'records')).toEqual([])
      }),
    )
  })
})

describe('on a hub', { timeout: 120_000 }, () => {
  let hub: TestHub
  beforeAll(async () => {
    hub = await openTestHub()
  })
  afterAll(() => hub?.close())

  let runs = 0

  it('every record of a batch is one event or one letter with its text, however often it comes', async () => {
    const records = fc.array(fc.oneof(json, fc.constant('good')), { minLength: 1, maxLength: 8 })
    await fc.assert(
      fc.asyncProperty(records, async (kinds) => {
        const visitor = `a:run ${++runs}`
        const written = kinds.map((kind, position) =>
          kind === 'good' ? JSON.stringify(eventRecord(`${position}`)) : kind,
        )
        const message = messageOf(visitor, written)
        const chunk = chunkOf([message])
        await storeChunk(chunk, hub.environment)
        await storeChunk(chunk, hub.environment)
        const good = kinds.flatMap((kind, position) => (kind === 'good' ? [`${position}`] : []))
        expect(await eventsOf(hub, visitor, 'events')).toEqual(good)
        const kept = (await lettersOf(hub, visitor)).map(({ record }) => record)
        expect(kept.sort()).toEqual(kinds.filter((kind) => kind !== 'good').sort())
      }),
      { numRuns: 20 },
    )
  })

  it('a message of any text from anybody is one letter, and the store takes it', async () => {
    const anything = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc
        .array(fc.integer({ min: 0, max: 0xffff }), { maxLength: 20 })
        .map((units) => String.fromCharCode(...units)),
    )
    await fc.assert(
      fc.asyncProperty(anything, anything, async (value, identity) => {
        const mark = `run ${++runs}`
        const chunk = { ...chunkOf([{ key: 'k', identity, value }]), topic: mark }
        await storeChunk(chunk, hub.environment)
        const sql = 'SELECT * EXCEPT stored_at FROM dead_letters_once WHERE topic = {mark:String}'
        const rows = await hub.environment.store.query<ReturnType<typeof letterRow>>(sql, { mark })
        expect(rows).toHaveLength(1)
        const [row] = rows
        expect(row?.record).toBe(value.toWellFormed())
        expect(row && letterRow(letterOfRow(row))).toEqual(row)
      }),
      { numRuns: 40 },
    )
  })
})
