import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { isAlways, isNever } from '#shared/policy/condition.ts'
import { type Expression, expressionsOf, type Scope } from '#shared/policy/expression.ts'
import { RuleFields, RuleTime } from '#shared/policy/facts.ts'
import { outcomesOf } from '#shared/policy/outcomes.ts'

const { compile } = expressionsOf({
  context: { a: 'double', b: 'int', word: 'string' },
  ...{ event: {}, experiments: {}, hasScore: false },
})
function ready(text: string): Expression {
  const compiled = compile(text, 'item', 'yesNo')
  if ('sentence' in compiled) throw new Error(`${text}: ${compiled.sentence}`)
  return compiled as Expression
}
function outcomeOf(run: () => boolean): string {
  try {
    return `${run()}`
  } catch {
    return 'fails'
  }
}

describe('of a condition it is found', () => {
  it.each([
    'item.price > 10 && item.price < 5',
    'item.price > 10.0 && 5.0 > item.price',
    'item.price > 10 && context.a > 1.0 && (item.price <= 10)',
    'context.word == "x" && context.word == "y"',
    'context.word in ["x", "y"] && context.word == "z"',
    'context.b == 3 && context.b != 3',
    'context.b > -1 && context.b < -1',
    'time.hour > 24',
    'time.hour < 9 && time.hour > 18',
    'time.hour > 22 && time.hour < 23',
    '0 == time.weekday',
    'time.minute in [60, 75]',
    'item.price > 1.0 && false',
    'item.price > 1.0 && 1 > 2',
    'item.price > 1.0 && !(true || has(item.name))',
    '(time.hour > 24 || false) && item.available',
    'time.hour > 24 ? item.available : false',
  ])('that it is never true: %s', (text) => {
    expect(isNever(ready(text))).toBe(true)
  })

  it.each([
    'true',
    '2 > 1',
    'time.hour >= 0',
    'true || item.price > 1.0',
    'item.price > 1.0 || time.hour <= 23',
    '!(time.weekday > 7)',
    'time.hour < 24 ? true : item.available',
  ])('that it is always true: %s', (text) => {
    expect(isAlways({ text, ready: ready(text) })).toBe(true)
  })

  it.each([
    'item.price > 5 && item.price < 10',
    'item.price >= 5 && item.price <= 5',
    'item.price > 5 || item.price < 3',
    'item.price > 10 && context.a < 5.0',
    'context.word in ["x", "y"] && context.word != "x"',
    'time.hour >= 9 && time.hour < 18',
    'time.hour > 18 || time.hour < 9',
    '!(item.price > 10 && item.price < 5)',
    'item.available ? false : true',
  ])('nothing where it depends on who asks: %s', (text) => {
    expect(isNever(ready(text))).toBe(false)
    expect(isAlways({ text, ready: ready(text) })).toBe(false)
  })

  it('nothing that any visitor at any time could prove wrong', () => {
    const constant = fc.integer({ min: -1, max: 4 }).map(String)
    const operator = fc.constantFrom('<', '<=', '>', '>=', '==', '!=')
    const comparison = fc.oneof(
      fc.tuple(fc.constantFrom('context.b', 'time.weekday'), operator, constant),
      fc.tuple(constant, operator, fc.constantFrom('context.b', 'time.weekday')),
      fc.tuple(constant, operator, constant),
    )
    const { condition } = fc.letrec<{ condition: string }>((tie) => ({
      condition: fc.oneof(
        { maxDepth: 4, depthSize: 'medium' },
        comparison.map((parts) => parts.join(' ')),
        fc.constantFrom('true', 'false', '1 / context.b > 0', 'context.b in [1, 2]'),
        fc
          .tuple(tie('condition'), fc.constantFrom('&&', '||'), tie('condition'))
          .map(([left, how, right]) => `(${left}) ${how} (${right})`),
        tie('condition').map((inner) => `!(${inner})`),
        fc
          .tuple(tie('condition'), tie('condition'), tie('condition'))
          .map(([one, two, three]) => `(${one}) ? (${two}) : (${three})`),
      ),
    }))
    const asked = [undefined, -1n, 0n, 1n, 2n, 3n, 4n, 5n].flatMap((b) =>
      [1, 2, 3, 4, 7].map((weekday) => ({ b, weekday })),
    )
    fc.assert(
      fc.property(condition, (text) => {
        const { run, ast } = ready(text)
        const told = outcomesOf(ast)
        for (const { b, weekday } of asked) {
          const context = new RuleFields(b === undefined ? {} : { b })
          const time = new RuleTime(12, 0, weekday)
          expect(told).toContain(outcomeOf(() => run({ context, time } as Scope)))
        }
      }),
      { numRuns: 300 },
    )
  })
})
