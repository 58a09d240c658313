import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { canAllHold, isAlways, isNever, takenBy } from '#shared/policy/condition.ts'
import { type Expression, expressionsOf, type Scope } from '#shared/policy/expression.ts'
import { RuleFields, RuleItem, RuleTime } from '#shared/policy/facts.ts'
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
const named = (text: string) => ({ name: text, text, ready: ready(text) })
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
    'context.b > 3 && context.b < 4',
    'context.b > 3.5 && context.b < 4',
    'session.views >= 1 && !(session.views > 0)',
    'item.price > 10 && (item.price < 5 || item.price == 7.0)',
    'item.available && !item.available',
    '!(item.price <= 10 || item.price >= 5)',
    '(context.a > 1.0 || context.b > 1) && !(context.a > 1.0) && context.b < 1',
    'item.available ? context.b > 3 && context.b < 3 : time.hour > 23',
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
    'context.a > 3.0 && context.a < 4.0',
    'context.b > 3 && context.b < 5',
    'context.a != 1.0 || context.a != 2.0',
  ])('nothing where it depends on who asks: %s', (text) => {
    expect(isNever(ready(text))).toBe(false)
    expect(isAlways({ text, ready: ready(text) })).toBe(false)
  })

  it.each([
    ['context.a > 10.0', 'context.a > 3.0'],
    ['context.a > 10.0 && context.b == 1', 'context.b in [1, 2] || item.available'],
    ['context.b > 3', '!(context.b <= 3)'],
    ['context.b > 3', 'context.b >= 4'],
    ['context.word == "x"', 'context.word != "y" && context.word != "z"'],
    ['time.hour > 20 && item.available', 'item.available && time.hour > 12'],
    ['item.available', 'time.hour < 12', 'time.hour >= 12'],
  ])('that others always go before it: %s after %s', (later, ...earlier) => {
    expect(takenBy(named(later), earlier.map(named))?.how).toBe('wider')
  })

  it.each([
    ['context.a > 3.0', 'context.a > 10.0'],
    ['context.a > 3.0', 'context.a >= 4.0'],
    // Where the first fails, the next may act.
    ['context.b > 3', 'context.b > 3 && context.a > 1.0'],
    ['has(context.a) || context.a > 3.0', 'context.a > 3.0 || context.a <= 3.0'],
    ['context.b > 3', 'context.a > 3.0'],
    // Nobody may know whether the item is there.
    ['context.b == 2', 'context.b == 2 && item.available', '!item.available'],
  ])('that something is left for it: %s after %s', (later, ...earlier) => {
    expect(takenBy(named(later), earlier.map(named))).toBeNull()
  })

  const constant = fc.integer({ min: -1, max: 4 }).map(String)
  const operator = fc.constantFrom('<', '<=', '>', '>=', '==', '!=')
  const double = fc.constantFrom('0.5', '1.0', '2.0', '-1.0')
  const comparison = fc.oneof(
    fc.tuple(fc.constantFrom('context.b', 'time.weekday'), operator, constant),
    fc.tuple(constant, operator, fc.constantFrom('context.b', 'time.weekday')),
    fc.tuple(fc.constant('context.a'), operator, double),
    fc.tuple(fc.constant('context.b'), fc.constantFrom('<', '>='), double),
    fc.tuple(constant, operator, constant),
  )
  const { condition } = fc.letrec<{ condition: string }>((tie) => ({
    condition: fc.oneof(
      { maxDepth: 4, depthSize: 'medium' },
      comparison.map((parts) => parts.join(' ')),
      fc.constantFrom('true', 'false', '1 / context.b > 0', 'context.b in [1, 2]'),
      fc.constantFrom('item.available', 'item.available == false', 'has(context.a)'),
      fc
        .tuple(tie('condition'), fc.constantFrom('&&', '||'), tie('condition'))
        .map(([left, how, right]) => `(${left}) ${how} (${right})`),
      tie('condition').map((inner) => `!(${inner})`),
      fc
        .tuple(tie('condition'), tie('condition'), tie('condition'))
        .map(([one, two, three]) => `(${one}) ? (${two}) : (${three})`),
    ),
  }))
  const as = [undefined, -5, -1, 0, 0.25, 0.5, 0.75, 1, 1.5, 2, 1e300]
  const asked = [undefined, -1n, 0n, 1n, 2n, 3n, 4n, 5n].flatMap((b, at) =>
    [1, 2, 3, 4, 7].flatMap((weekday) =>
      as.filter((_, number) => (number + at + weekday) % 2 === 0).map((a) => ({ a, b, weekday })),
    ),
  )
  const scopes = asked.map(({ a, b, weekday }, at) => {
    const context = new RuleFields({ ...(a !== undefined && { a }), ...(b !== undefined && { b }) })
    const available = [true, false, undefined][at % 3]
    const item = new RuleItem({ id: 'x', ...(available !== undefined && { available }) }, 0)
    return { context, item, time: new RuleTime(12, 0, weekday) } as Scope
  })

  it('nothing that any visitor at any time could prove wrong', () => {
    fc.assert(
      fc.property(condition, (text) => {
        const { run, ast } = ready(text)
        const told = outcomesOf(ast)
        for (const scope of scopes) expect(told).toContain(outcomeOf(() => run(scope)))
      }),
      { numRuns: 300 },
    )
  })

  it('nothing of several that any visitor at any time could prove wrong', () => {
    let taken = 0
    fc.assert(
      fc.property(condition, fc.array(condition, { minLength: 1, maxLength: 3 }), (text, texts) => {
        const later = named(text)
        const earlier = texts.map(named)
        const isTrue = ({ ready: each }: typeof later, scope: Scope) =>
          outcomeOf(() => each.run(scope)) === 'true'
        if (takenBy(later, earlier)) {
          taken++
          for (const scope of scopes) {
            expect(!isTrue(later, scope) || earlier.some((each) => isTrue(each, scope))).toBe(true)
          }
        }
        if (!canAllHold([later, ...earlier].map((each) => each.ready.ast))) {
          const all = [later, ...earlier]
          expect(scopes.some((scope) => all.every((each) => isTrue(each, scope)))).toBe(false)
        }
      }),
      { numRuns: 300 },
    )
    expect(taken).toBeGreaterThan(0)
  })
})
