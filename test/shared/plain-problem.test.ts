import * as v from 'valibot'
import { describe, expect, it } from 'vitest'
import { plainly, readPlainly, tellIssue } from '#shared/plain-problem.ts'
import { policySchema } from '#shared/policy.ts'

const schema = v.strictObject({
  name: v.pipe(v.string(), v.minLength(1), v.maxLength(5)),
  count: v.optional(v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(9))),
  share: v.optional(v.pipe(v.number(), v.gtValue(0), v.ltValue(1))),
  kind: v.optional(v.picklist(['items', 'offer'])),
  only: v.optional(v.literal('this')),
  id: v.optional(v.union([v.string(), v.number()])),
  list: v.optional(v.pipe(v.array(v.strictObject({ on: v.boolean() })), v.maxLength(2))),
  at: v.optional(v.pipe(v.string(), v.isoTimestamp())),
  code: v.optional(v.pipe(v.string(), v.regex(/^x/, 'must begin with x'))),
  each: v.optional(
    v.variant('as', [v.object({ as: v.literal('a') }), v.object({ as: v.literal('b') })]),
  ),
  whole: v.optional(
    v.pipe(
      v.object({}),
      v.check(() => false, 'one part above 0'),
    ),
  ),
})

function sentenceOf(value: unknown, telling?: 'type' | 'nothing'): string | null {
  const read = readPlainly(schema, value, { whole: 'the body', ...(telling && { telling }) })
  return read.ok ? null : read.problem.sentence
}

describe('what is wrong in a value', () => {
  it.each([
    [5, 'the body must be an object, not 5'],
    [undefined, 'the body must be an object'],
    [[], 'the body must be an object, not a list'],
    [{}, 'name is missing'],
    [{ name: 5 }, 'name must be text, not 5'],
    [{ name: null }, 'name must be text, not null'],
    [{ name: ['a'] }, 'name must be text, not a list'],
    [{ name: '' }, 'name must not be empty'],
    [{ name: 'abcdef' }, 'name must have at most 5 characters, not 6'],
    [{ name: 'a', colour: 'red' }, 'colour is not known here'],
    [{ name: 'a', count: 'ten' }, 'count must be a number, not "ten"'],
    [{ name: 'a', count: 1.5 }, 'count must be a whole number, not 1.5'],
    [{ name: 'a', count: 0 }, 'count must be 1 or more, not 0'],
    [{ name: 'a', count: 10 }, 'count must be at most 9, not 10'],
    [{ name: 'a', share: 0 }, 'share must be above 0, not 0'],
    [{ name: 'a', share: 1 }, 'share must be below 1, not 1'],
    [{ name: 'a', kind: 'price' }, 'kind must be one of items, offer, not "price"'],
    [{ name: 'a', only: 'that' }, 'only must be this, not "that"'],
    [{ name: 'a', id: {} }, 'id must be one of text, a number, not an object'],
    [{ name: 'a', list: [{}] }, 'list.0.on is missing'],
    [{ name: 'a', list: [{ on: 'yes' }] }, 'list.0.on must be true or false, not "yes"'],
    [{ name: 'a', list: [1] }, 'list.0 must be an object, not 1'],
    [
      { name: 'a', list: [true, true, true].map((on) => ({ on })) },
      'list must have at most 2 entries, not 3',
    ],
    [
      { name: 'a', at: 'today' },
      'at must be an ISO 8601 time such as 2026-01-05T12:00:00Z, not "today"',
    ],
    [{ name: 'a', code: 'y' }, 'code must begin with x, not "y"'],
    [{ name: 'a', each: {} }, 'each.as is missing: one of a, b'],
    [{ name: 'a', each: { as: 'c' } }, 'each.as must be one of a, b, not "c"'],
    [{ name: 'a', whole: { x: 1 } }, 'whole: one part above 0'],
  ])('is a sentence with its path, what is allowed and what was given: %j', (value, sentence) => {
    expect(sentenceOf(value)).toBe(sentence)
  })

  it('is told cut, and of what is not to be told by its type alone', () => {
    const long = { name: 'a', count: 'x'.repeat(1_000) }
    expect(sentenceOf(long)?.length).toBeLessThan(100)
    expect(sentenceOf(long, 'type')).toBe('count must be a number, not text')
    expect(sentenceOf({ name: 'a', count: 10 }, 'type')).toBe('count must be at most 9')
    expect(sentenceOf({ name: 5 }, 'type')).toBe('name must be text, not a number')
    expect(sentenceOf({ name: 5 }, 'nothing')).toBe('name must be text')
  })

  it('has no word of the library, wherever in a policy something else stands', () => {
    const policy = {
      context: { age: 'int' },
      experiments: { e: { variants: { a: 1 }, visitorsPlanned: 1_000 } },
      placements: {
        home: {
          ...{ kind: 'items', model: 'popularity', itemsMax: 5, on: ['A'], onAgeMsMax: 5 },
          rules: [{ name: 'f', effect: 'pin', item: 'x', position: 1, when: 'true' }],
        },
      },
    }
    const places: (readonly string[])[] = []
    const visit = (value: unknown, path: readonly string[]) => {
      places.push(path)
      if (typeof value !== 'object' || value === null) return
      for (const [key, inner] of Object.entries(value)) visit(inner, [...path, key])
    }
    visit(policy, [])
    expect(places.length).toBeGreaterThan(20)
    for (const path of places) {
      for (const other of [null, 5, 0.5, -1, 'text', '', true, [], {}, undefined]) {
        const changed = structuredClone({ policy }) as unknown as Record<string, never>
        const keys = ['policy', ...path]
        let at = changed
        for (const key of keys.slice(0, -1)) at = at[key] as never
        at[keys.at(-1) as string] = other as never
        const parsed = v.safeParse(policySchema, changed.policy, plainly)
        const told = parsed.issues?.map((issue) => tellIssue(issue)) ?? []
        for (const sentence of told) expect(sentence).not.toMatch(/Invalid|Expected|received/)
      }
    }
  })
})
