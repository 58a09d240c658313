import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { cleanJson } from '#shared/clean-json.ts'
import { limits } from '#shared/limits.ts'

function nested(levels: number): unknown {
  let value: unknown = 'bottom'
  for (let level = 0; level < levels; level++) value = { in: value }
  return value
}

describe('cleanJson', () => {
  it('copies what is clean as JSON holds it, which knows no -0', () => {
    const clean = fc.jsonValue({ maxDepth: 5, noUnicodeString: true }).filter(hasNoProto)
    fc.assert(
      fc.property(clean, (value) => {
        expect(cleanJson(value)).toEqual({ ok: true, value: JSON.parse(JSON.stringify(value)) })
      }),
      { examples: [[-0], [[{ price: -0 }]]] },
    )
  })

  it('lets nothing through that JSON in UTF-8 could not hold', () => {
    const any = fc.anything({ withBigInt: true, maxDepth: 3, stringUnit: 'binary' })
    fc.assert(
      fc.property(any, (value) => {
        const outcome = cleanJson(value)
        if (!outcome.ok) return
        const text = JSON.stringify(outcome.value)
        expect(text.isWellFormed()).toBe(true)
        expect(text).not.toMatch(/\\ud[89a-f]/i)
        // -0 is written as 0, and nothing else changes.
        expect(JSON.stringify(JSON.parse(text))).toBe(text)
      }),
    )
  })

  it('takes nesting up to the bound and refuses one level more', () => {
    expect(cleanJson(nested(limits.jsonDepthMax)).ok).toBe(true)
    expect(cleanJson(nested(limits.jsonDepthMax + 1))).toMatchObject({
      refusal: { reason: 'too_deep' },
    })
  })

  it.each([
    ['Infinity', { a: [1, Number.POSITIVE_INFINITY] }, 'number_not_finite', 'a[1]'],
    ['NaN', Number.NaN, 'number_not_finite', ''],
    ['undefined', { a: undefined }, 'invalid_field', 'a'],
    ['a function', [() => 1], 'invalid_field', '[0]'],
    ['a bigint', { a: { b: 1n } }, 'invalid_field', 'a.b'],
  ])('refuses %s and says where', (_what, value, reason, field) => {
    expect(cleanJson(value)).toMatchObject({ ok: false, refusal: { reason, field } })
  })

  it('mends names as it mends values', () => {
    expect(cleanJson({ 'a\ud800': 'b\udc00' })).toEqual({
      ok: true,
      value: { 'a\ufffd': 'b\ufffd' },
    })
  })

  it('drops __proto__ at every depth', () => {
    const outcome = cleanJson(JSON.parse('{"__proto__":{"x":1},"a":[{"__proto__":2,"b":3}]}'))
    expect(outcome).toEqual({ ok: true, value: { a: [{ b: 3 }] } })
  })

  it('names the field of a refusal in whole Unicode, whatever the field is called', () => {
    const cleaned = cleanJson(JSON.parse('{"a\\ud800": 1e999}'))
    expect(cleaned).toMatchObject({ ok: false, refusal: { field: 'a\uFFFD' } })
  })
})

function hasNoProto(value: unknown): boolean {
  return !JSON.stringify(value).includes('__proto__')
}
