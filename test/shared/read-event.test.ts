import { describe, expect, it } from 'vitest'
import { limits } from '#shared/limits.ts'
import { type Envelope, readEvent } from '#shared/read-event.ts'
import type { RefusalReason } from '#shared/refusal.ts'
import { baseMs, rawEvent } from '#test/support/events.ts'

const envelope: Envelope = { receivedAt: baseMs }
const secondMs = 1_000

function accepted(raw: unknown, by: Envelope = envelope) {
  const outcome = readEvent(raw, by)
  if (!outcome.ok) throw new Error(`refused: ${JSON.stringify(outcome.refusal)}`)
  return outcome.value
}

function nested(levels: number): unknown {
  let value: unknown = 1
  for (let level = 0; level < levels; level++) value = [value]
  return value
}

const refused: [what: string, raw: unknown, reason: RefusalReason, field: string][] = [
  ['null', null, 'not_an_object', ''],
  ['text', 'track', 'not_an_object', ''],
  ['a number', 7, 'not_an_object', ''],
  ['a list', [rawEvent()], 'not_an_object', ''],
  ['no type', rawEvent({ type: undefined }), 'unknown_type', 'type'],
  ['a type nobody knows', rawEvent({ type: 'purchase' }), 'unknown_type', 'type'],
  ['no messageId', rawEvent({ messageId: undefined }), 'missing_message_id', 'messageId'],
  ['a null messageId', rawEvent({ messageId: null }), 'missing_message_id', 'messageId'],
  ['an empty messageId', rawEvent({ messageId: '' }), 'invalid_id', 'messageId'],
  ['a messageId that is a list', rawEvent({ messageId: ['m'] }), 'invalid_id', 'messageId'],
  ['a messageId with a fraction', rawEvent({ messageId: 1.5 }), 'invalid_id', 'messageId'],
  ['NUL in an id', rawEvent({ messageId: 'a\u0000b' }), 'invalid_id', 'messageId'],
  ['half a surrogate in an id', rawEvent({ anonymousId: 'a\ud800' }), 'invalid_id', 'anonymousId'],
  [
    'an id that is too long',
    rawEvent({ userId: 'u'.repeat(limits.idCharactersMax + 1) }),
    'invalid_id',
    'userId',
  ],
  ['no visitor', rawEvent({ anonymousId: undefined }), 'missing_visitor_id', 'anonymousId'],
  ['a track without a name', rawEvent({ event: undefined }), 'invalid_field', 'event'],
  ['a name that is a number', rawEvent({ event: 5 }), 'invalid_field', 'event'],
  [
    'a name that is too long',
    rawEvent({ event: 'e'.repeat(limits.nameCharactersMax + 1) }),
    'invalid_field',
    'event',
  ],
  ['properties that are text', rawEvent({ properties: 'red' }), 'invalid_field', 'properties'],
  ['properties that are a list', rawEvent({ properties: [1] }), 'invalid_field', 'properties'],
  ['traits that are a list', rawEvent({ traits: [] }), 'invalid_field', 'traits'],
  ['a context that is a list', rawEvent({ context: [5] }), 'invalid_field', 'context'],
  [
    'products that are no list',
    rawEvent({ properties: { products: 'shoe' } }),
    'invalid_field',
    'properties.products',
  ],
  [
    'a negative quantity',
    rawEvent({ properties: { quantity: -1 } }),
    'out_of_range',
    'properties.quantity',
  ],
  [
    'a negative quantity of one product',
    rawEvent({ properties: { products: [{ quantity: 1 }, { quantity: -2 }] } }),
    'out_of_range',
    'properties.products.1.quantity',
  ],
  [
    '1e999',
    JSON.parse('{"type":"page","messageId":"m","userId":"u","properties":{"price":1e999}}'),
    'number_not_finite',
    'properties.price',
  ],
  ['deep nesting', rawEvent({ properties: { deep: nested(200) } }), 'too_deep', ''],
  ['nesting too deep to be written', rawEvent({ deep: nested(100_000) }), 'too_deep', ''],
  [
    'more bytes than an event may have',
    rawEvent({ properties: { note: 'x'.repeat(limits.eventBytesMax) } }),
    'event_too_large',
    '',
  ],
  [
    'more bytes, in fewer characters',
    rawEvent({ properties: { note: '語'.repeat(limits.eventBytesMax / 2) } }),
    'event_too_large',
    '',
  ],
  ['a date that is none', rawEvent({ timestamp: 'yesterday' }), 'invalid_field', 'timestamp'],
  ['a date that is a flag', rawEvent({ timestamp: true }), 'invalid_field', 'timestamp'],
  ['1970', rawEvent({ timestamp: 0 }), 'timestamp_out_of_range', 'timestamp'],
  ['2099', rawEvent({ timestamp: '2099-01-01T00:00:00Z' }), 'timestamp_out_of_range', 'timestamp'],
]

describe('an event that cannot be taken', () => {
  it.each(refused)('is refused with a reason: %s', (_what, raw, reason, field) => {
    const outcome = readEvent(raw, envelope)
    if (outcome.ok) throw new Error('it was accepted')
    expect(outcome.refusal.reason).toBe(reason)
    expect(outcome.refusal.detail).toMatch(/\w+ \w+/)
    // How far down the nesting was found is not promised, only that it was.
    if (reason !== 'too_deep') expect(outcome.refusal.field).toBe(field)
  })
})

describe('an event that is odd', () => {
  it('keeps a numeric id as text', () => {
    expect(accepted(rawEvent({ messageId: 42 })).messageId).toBe('42')
  })

  it('mends half a surrogate outside of ids', () => {
    expect(accepted(rawEvent({ properties: { note: 'a\udfff' } })).properties.note).toBe('a\ufffd')
  })

  it('drops __proto__ and pollutes nothing', () => {
    const raw = JSON.parse(
      '{"type":"page","messageId":"m","userId":"u","properties":{"__proto__":{"admin":true},"a":1}}',
    )
    expect(Object.keys(accepted(raw).properties)).toEqual(['a'])
    expect(({} as { admin?: boolean }).admin).toBeUndefined()
  })

  it('keeps whatever names its properties have', () => {
    const properties = {
      constructor: 'Ducati',
      prototype: 2,
      quantity: 1,
      products: [{ constructor: 1 }],
    }
    expect(accepted(rawEvent({ properties })).properties).toEqual(properties)
  })

  it('leaves unknown fields behind', () => {
    expect(accepted(rawEvent({ password: 'x' }))).not.toHaveProperty('password')
  })

  it('takes its visitor from the request where it names none', () => {
    const raw = rawEvent({ anonymousId: undefined })
    expect(accepted(raw, { ...envelope, anonymousId: 'device' }).anonymousId).toBe('device')
  })

  it('keeps its own visitor where it names one', () => {
    const event = accepted(rawEvent(), { ...envelope, anonymousId: 'x', userId: 'u' })
    expect([event.anonymousId, event.userId]).toEqual(['visitor-1', undefined])
  })

  it('names every item once, numbers as text', () => {
    const properties = { product_id: 7, products: [{ product_id: 'a' }, { product_id: '7' }, {}] }
    expect(accepted(rawEvent({ properties })).items).toEqual(['7', 'a'])
  })

  it('is marked where a crawler says that it is one', () => {
    const context = { userAgent: 'Mozilla/5.0 (compatible; Googlebot/2.1)' }
    expect(accepted(rawEvent({ context })).bot).toBe(true)
    expect(accepted(rawEvent()).bot).toBe(false)
  })
})

describe('the clock of a device', () => {
  it('is corrected by when it says it sent the request', () => {
    const event = accepted(rawEvent({ timestamp: baseMs - 90 * secondMs }), {
      receivedAt: baseMs,
      sentAt: baseMs - 60 * secondMs,
    })
    expect(event.timestamp).toBe(baseMs - 30 * secondMs)
    expect(event.originalTimestamp).toBe(baseMs - 90 * secondMs)
  })

  it('is believed again once 1970 is corrected', () => {
    const event = accepted(rawEvent({ timestamp: 0 }), { receivedAt: baseMs, sentAt: secondMs })
    expect(event.timestamp).toBe(baseMs - secondMs)
  })

  it('never puts an event after its arrival', () => {
    expect(accepted(rawEvent({ timestamp: baseMs + secondMs })).timestamp).toBe(baseMs)
  })

  it('is the time of arrival where the device says nothing', () => {
    expect(accepted(rawEvent()).timestamp).toBe(baseMs)
  })
})
