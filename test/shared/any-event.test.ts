import fc from 'fast-check'
import { expect, it } from 'vitest'
import { readEvent } from '#shared/read-event.ts'
import { reduceSession } from '#shared/session.ts'
import { countEvent, totalsAt } from '#shared/totals.ts'
import { baseMs, rawEvent } from '#test/support/events.ts'

// Names that mean something to the language, and those that the reader and the reducers look at.
const name = fc.constantFrom(
  ...['valueOf', 'toString', 'toJSON', '__proto__', 'constructor', 'hasOwnProperty', 'length'],
  ...['total', 'revenue', 'products', 'product_id', 'price', 'name', 'then'],
)
const { value } = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.jsonValue({ maxDepth: 0 }),
    fc.array(tie('value'), { maxLength: 3 }),
    fc.array(fc.tuple(name, tie('value')), { maxLength: 4 }).map(objectOf),
  ),
}))

/** As JSON.parse makes it, where `__proto__` is a name like any other. */
function objectOf(entries: readonly (readonly [string, unknown])[]): unknown {
  const members = entries.map(([key, each]) => `${JSON.stringify(key)}:${JSON.stringify(each)}`)
  return JSON.parse(`{${members.join()}}`)
}

it('whatever JSON an event holds, it is refused or counted, and nothing throws', () => {
  const event = fc.constantFrom('Order Completed', 'Product Viewed', 'Product Added')
  const envelope = { receivedAt: baseMs, sentAt: undefined }
  fc.assert(
    fc.property(event, value, value, (called, properties, total) => {
      const sent = [properties, { total }, { revenue: total }, { products: properties }]
      for (const each of sent) {
        const outcome = readEvent(rawEvent({ event: called, properties: each }), envelope)
        if (!outcome.ok) continue
        const { session } = reduceSession(null, outcome.value)
        const totals = totalsAt(countEvent(null, outcome.value, null, session), baseMs)
        expect(Object.values(totals).every(Number.isFinite)).toBe(true)
        expect(JSON.stringify(session)).not.toContain('null')
      }
    }),
    { numRuns: 500 },
  )
})

it.each(['{"valueOf":1,"toString":1}', '{"__proto__":null}', '[7]', 'true'])(
  'a total that is no number and no text is nothing: %s',
  (total) => {
    const properties = { total: JSON.parse(total) }
    const raw = rawEvent({ event: 'Order Completed', properties })
    const outcome = readEvent(raw, { receivedAt: baseMs, sentAt: undefined })
    if (!outcome.ok) throw new Error(outcome.refusal.reason)
    expect(reduceSession(null, outcome.value).session?.spend).toBe(0)
  },
)
