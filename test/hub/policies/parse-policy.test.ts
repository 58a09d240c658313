import { describe, expect, it } from 'vitest'
import { parsePolicy, policyCharactersMax } from '#hub/policies/parse-policy.ts'
import { limits } from '#shared/limits.ts'

const head = `context:
  age: int
experiments:
  laces: { variants: { plain: 1, first: 1 } }
placements:
  home:
    kind: items
    model: session-knn
    itemsMax: 10
    rules:
`
const withRules = (...rules: string[]) => head + rules.map((rule) => `      - ${rule}\n`).join('')
const filter = (keep: string, name = 'f') => `{ name: ${name}, effect: filter, keep: '${keep}' }`
/** Line, column and sentence of what is wrong first; null where nothing is. */
function mistakeIn(text: string) {
  const parsed = parsePolicy(text)
  if (parsed.ok) return null
  const [mistake] = parsed.mistakes
  return [mistake?.line, mistake?.column, mistake?.sentence]
}

describe('a policy file', () => {
  it('is read in YAML and in JSON alike', () => {
    const yaml = parsePolicy(withRules(filter('item.price < 50 && context.age >= 18')))
    if (!yaml.ok) throw new Error('it was refused')
    expect(parsePolicy(JSON.stringify(yaml.policy, null, 2))).toEqual(yaml)
    expect(yaml.policy.timeZone).toBe('UTC')
  })

  it.each([
    ['a field that no item has', 'item.prise < 5', 48, 'No such key: prise'],
    ['a field that no item has, asked for with has', 'has(item.prise)', 47, 'No such key: prise'],
    ['a context that is not declared', 'context.consent', 51, 'No such key: consent'],
    ['a variable that there is not', 'basket.total > 5', 43, 'Unknown variable: basket'],
    [
      'types that do not go together',
      'item.price == "5"',
      43,
      'no such overload: double == string',
    ],
    [
      'an answer that is not yes or no',
      'item.price * 2.0',
      43,
      'it is of type double, bool is needed',
    ],
    ['text that is no expression', 'item.price <', 55, 'Unexpected token: EOF'],
    [
      'a variant that there is not',
      'variant.laces == "frist"',
      60,
      'the variants of laces are plain, first',
    ],
    ['no dependence on anything', '1 < 2', 43, 'it is always true: say what it depends on'],
    [
      'a condition that no item meets',
      'item.price > 10 && item.price < 5',
      ...[43, 'it is never true, so nothing is ever shown'],
    ],
    ['a division by 0', '1 / 0 > 1', 43, 'it divides by 0, which always fails'],
    ['a division by 0.0', 'item.price / 0.0 > 1.0', 43, 'it divides by 0, which always fails'],
    [
      'a constant that fails',
      'int("many") > 1',
      ...[43, 'it depends on nothing, and always fails'],
    ],
  ])('is refused for %s, with line and column', (_what, keep, column, sentence) => {
    expect(mistakeIn(withRules(filter(keep)))).toEqual([11, column, sentence])
  })

  it('is refused for a pattern, which could run without end', () => {
    const [, , sentence] = mistakeIn(withRules(filter('item.name.matches("(a+)+$")'))) ?? []
    expect(sentence).toContain('matches is not allowed here')
  })

  it('is refused for an expression over its cost bound', () => {
    const nested = 'session.items.all(a, session.items.exists(b, a != b))'
    const [line, , sentence] = mistakeIn(withRules(filter(nested))) ?? []
    expect(line).toBe(11)
    expect(sentence).toContain(`${limits.expressionStepsMax} are allowed`)
  })

  it('is refused for rules that together cost too much an item', () => {
    const keep = 'item.price < session.spend || item.id in session.items'
    const rules = Array.from({ length: 50 }, (_, at) => filter(keep, `f${at}`))
    const [, , sentence] = mistakeIn(withRules(...rules)) ?? []
    expect(sentence).toContain(`${limits.placementStepsMax} are allowed`)
  })

  const pin = (name: string, position: number, when = '') =>
    `{ name: ${name}, effect: pin, item: boot, position: ${position}${when} }`
  it('may give a place to several rules: the next acts where the item of the first is not to be shown', () => {
    const slot = "{ name: c, effect: slot, position: 1, where: 'item.price > 1.0' }"
    expect(mistakeIn(withRules(pin('a', 1), pin('b', 1), slot))).toBeNull()
  })

  it('may have a filter that keeps nothing for as long as its condition holds', () => {
    const rule = '{ name: a, effect: filter, keep: "false", when: context.age < 18 }'
    expect(mistakeIn(withRules(rule))).toBeNull()
  })

  it.each([
    [
      'that is a filter whose condition is never true',
      ['{ name: a, effect: filter, keep: item.price > 1.0, when: "1 > 2" }'],
      'it is never true: the filter is on only where it fails',
    ],
    [
      'whose condition is never true',
      [pin('a', 1, ', when: "1 > 2"')],
      'it is never true, so the rule never acts',
    ],
    ['for a place that is not there', [pin('a', 11)], 'the placement has 10 places'],
    [
      'after one that always goes before it',
      [
        '{ name: a, effect: category-cap, itemsMax: 1 }',
        '{ name: b, effect: category-cap, itemsMax: 2 }',
      ],
      'the rule a always goes before it, so it never acts',
    ],
    [
      'at an hour that there is not',
      [pin('a', 1, ', when: time.hour > 24')],
      'it is never true, so the rule never acts',
    ],
    [
      'whose condition ends in false',
      ['{ name: a, effect: slot, position: 4, where: item.price > 1.0 && false }'],
      'it is never true, so the rule never acts',
    ],
    [
      'after one that goes before it on the same condition',
      [
        '{ name: a, effect: diversity, relevance: 0.5, when: context.age > 3 }',
        '{ name: b, effect: diversity, relevance: 0.2, when: context.age > 3 }',
      ],
      'the rule a goes before it, on the same condition, so it never acts',
    ],
    ['of a name that another has', [pin('a', 1), pin('a', 2)], 'another rule is called a'],
    [
      'after one that goes before it on a wider condition',
      [
        '{ name: a, effect: category-cap, itemsMax: 1, when: context.age > 3 }',
        '{ name: b, effect: category-cap, itemsMax: 2, when: context.age > 9 }',
      ],
      'the rule a goes before it wherever it is on, so it never acts',
    ],
    [
      'for an item that a filter hides',
      [filter('item.id != "boot"', 'f'), pin('a', 1)],
      'the filter f hides all that it is about, so the rule never acts',
    ],
    [
      'for items that a filter hides',
      [
        filter('item.price < 5', 'f'),
        '{ name: a, effect: boost, factor: 2, where: item.price > 9 }',
      ],
      'the filter f hides all that it is about, so the rule never acts',
    ],
    [
      'that hides whatever another filter keeps',
      [filter('item.price < 5', 'f'), filter('item.price > 9', 'g')],
      'the filter f hides all that it keeps, so nothing is ever shown',
    ],
  ])('is refused for a rule %s', (_what, rules, sentence) => {
    expect(mistakeIn(withRules(...rules))).toEqual([
      10 + rules.length,
      expect.any(Number),
      sentence,
    ])
  })

  const segments = (...whens: string[]) =>
    `who: { kind: segment, otherwise: z, segments: [${whens
      .map((when, at) => `{ name: s${at}, when: '${when}' }`)
      .join(', ')}] }`
  const offers = (...more: string[]) =>
    `gift: { kind: offer, offers: [${more.map((each, at) => `{ name: o${at}${each} }`).join(', ')}] }`
  it.each([
    [offers(', when: "true"', ''), 'nobody is left for it: o0 is for everyone'],
    [
      offers(', when: context.x > 3', ', when: context.x  > 3'),
      'nobody is left for it: o0 has the same condition',
    ],
    [offers(', when: context.x > 3, perVisitor: 1', ', when: context.x > 3'), null],
    [
      offers(', when: context.x > 3', ', when: context.x > 4'),
      'nobody is left for it: o0 is for everyone for whom it is',
    ],
    [offers(', when: context.x > 4', ', when: context.x > 3'), null],
    [
      segments('context.x > 3', 'context.x > 3'),
      'nobody is left for it: s0 has the same condition',
    ],
    [
      segments('true || context.x > 3', 'context.x > 3'),
      'nobody is left for it: s0 takes everyone',
    ],
    [
      segments('context.x > 3', 'context.x > 3.0'),
      'nobody is left for it: s0 takes everyone for whom it is true',
    ],
    [
      segments('time.hour < 9', 'context.x > 3', 'time.hour > 8', 'context.x > 2'),
      'nobody is left for it: s0 or s2 takes everyone for whom it is true',
    ],
    [segments('context.x > 3 || context.x < 3', 'context.x == 3'), null],
    [
      "fare: { kind: price, base: '1.0 / 0.0', floor: 1, ceiling: 2, rules: [] }",
      'it divides by 0, which always fails',
    ],
    [
      "check: { kind: verdict, rules: [{ name: r, verdict: block, when: '1 / 0 > 1' }] }",
      'it divides by 0, which always fails',
    ],
  ])('of the other kinds is refused where nothing comes of it: %s', (placement, sentence) => {
    const mistake = mistakeIn(`context: { x: int }\nplacements:\n  ${placement}\n`)
    expect(mistake?.[2] ?? null).toBe(sentence)
  })

  it.each([
    'home: { kind: items, model: popularity, itemsMax: 5 }',
    'fraud: { kind: verdict, model: risk, thresholds: { review: 0.5 } }',
  ])('needs no rules: %s', (placement) => {
    expect(parsePolicy(`placements: { ${placement} }`)).toMatchObject({ ok: true })
  })

  it('is refused for what has no place in it, and for what is missing', () => {
    expect(mistakeIn(`${head}      []\n    colour: red\n`)?.[0]).toBe(12)
    expect(mistakeIn(withRules('{ name: a, effect: filter }'))?.[0]).toBe(11)
    expect(mistakeIn(withRules('{ name: a, effect: dance }'))?.[0]).toBe(11)
    expect(mistakeIn('placements: {')?.[0]).toBe(1)
    expect(mistakeIn('')).not.toBeNull()
    expect(mistakeIn('timeZone: Mars/Olympus\nplacements: {}\n')).toEqual([
      1,
      11,
      'must be an IANA time zone, not "Mars/Olympus"',
    ])
  })

  it.each([
    [
      'a slip in a field, told of once',
      'placements:\n  home: { kind: items, model: popularity, itemMax: 5, rules: [] }\n',
      ['unknown field itemMax; did you mean itemsMax?'],
    ],
    [
      'a slip in a field of a rule',
      withRules('{ name: a, effect: filter, keep: "true", wenn: "true" }'),
      ['unknown field wenn; did you mean when?'],
    ],
    [
      'a field that only others of its kind have, which is not proposed in its own place',
      'models: { d: { learns: demand, after: [Product Viewed] } }\nplacements: {}\n',
      expect.arrayContaining(['unknown field after']),
    ],
    ['a field like no other', 'colour: red\nplacements: {}\n', ['unknown field colour']],
    [
      'a field that is missing',
      withRules('{ name: a, effect: boost, factor: 2 }'),
      ['where is missing'],
    ],
    [
      'text where a number belongs',
      withRules('{ name: a, effect: boost, factor: big, where: "true" }'),
      ['must be a number, not "big"'],
    ],
    [
      'an effect that there is not',
      withRules('{ name: a, effect: dance }'),
      [expect.stringMatching(/^must be one of filter, boost, pin, .*, not "dance"$/)],
    ],
  ])('says in words what is wrong with %s', (_what, text, sentences) => {
    const parsed = parsePolicy(text)
    expect(parsed.ok ? [] : parsed.mistakes.map(({ sentence }) => sentence)).toEqual(sentences)
  })

  it('is refused for a holdout of a variant or at a placement that it has not', () => {
    const holdout = (variant: string, placement: string, answer = 'nothing') =>
      mistakeIn(`experiments:
  socks:
    variants: { in: 95, out: 5 }
    holdout: { variant: ${variant}, answer: ${answer}, placements: [${placement}] }
placements:
  home: { kind: items, model: popularity, itemsMax: 5, rules: [] }
  gift: { kind: offer, offers: [{ name: ten }] }
  fare: { kind: price, base: '1.0', floor: 1, ceiling: 2, rules: [] }
`)
    expect(holdout('out', 'home')).toBeNull()
    expect(holdout('out', 'gift')).toBeNull()
    expect(holdout('out', 'home', 'popularity')).toBeNull()
    expect(holdout('off', 'home')).toEqual([4, 25, 'the variants are in, out'])
    const able = 'the placements of items and offers are home, gift'
    expect(holdout('out', 'shop')).toEqual([4, 60, able])
    expect(holdout('out', 'fare')).toEqual([4, 60, able])
    expect(holdout('out', 'gift', 'popularity')).toEqual([
      ...[4, 63, 'no offer is popular: whoever goes without one gets nothing'],
    ])
  })

  it('is refused where a model of texts would tell a price what it must not depend on', () => {
    const reading = (from: string, more = '', kind = 'price') =>
      mistakeIn(`${more}
placements:
  fare:
    kind: ${kind}
    model: sentiment
    text: ${from}
    ${kind === 'price' ? "base: '100.0'\n    floor: 1\n    ceiling: 200\n    rules: []" : ''}
`)
    const sentence = (field: string) =>
      `the price of fare must not depend on ${field}: it is a protected attribute`
    expect(reading('context.gender')).toEqual([6, 11, sentence('gender')])
    expect(reading('event.customer_age')).toEqual([6, 11, sentence('customer_age')])
    const postcodes = 'protectedAttributes: [postcode]'
    expect(reading('event.postcode', postcodes)).toEqual([6, 11, sentence('postcode')])
    expect(reading('event.review')).toBeNull()
    expect(reading('context.gender', '', 'verdict')).toBeNull()
  })

  it('is refused where segments are learned from no numbers, or a placement has none to name', () => {
    const learning = (type: string, bounds: string, model: string) =>
      mistakeIn(`models:
  kinds: { learns: segments, after: [Product Viewed], ${bounds}
    features: [{ name: x, from: session.spend, ${type} }] }
placements:
  who: { kind: segment, model: ${model}, otherwise: rest }
`)
    const number = 'type: number, imputed: 0'
    expect(learning(number, '', 'kinds')).toBeNull()
    const nameless = 'it names no segments, and has no model of the policy that learns segments'
    expect(learning(number, '', 'popularity')).toEqual([5, 32, nameless])
    expect(learning(number, 'segmentsMin: 9,', 'kinds')).toEqual([
      ...[2, expect.any(Number), 'it is above segmentsMax, 8'],
    ])
    expect(learning('type: text, categories: [a]', '', 'kinds')).toEqual([
      ...[expect.any(Number), expect.any(Number), 'segments are learned from numbers'],
    ])
  })

  it('is refused for models that cannot be learned as it says, or must not be used so', () => {
    const learning = (name: string, from: string, kind: string) =>
      mistakeIn(`models:
  ${name}:
    learns: outcome
    after: [Product Viewed]
    event: Order Completed
    features:
      - { name: x, type: number, imputed: 0, from: ${from} }
placements:
  home: { ${kind}, model: ${name}, rules: [] }
`)
    const price = "kind: price, base: '1.0', floor: 1, ceiling: 2"
    const verdict = 'kind: verdict'
    expect(learning('will-buy', 'session.carts', verdict)).toBeNull()
    expect(learning('will-buy', 'session.carts', price)).toBeNull()
    expect(learning('will-buy', 'session.cart', verdict)).toEqual([
      ...[7, 52, expect.stringContaining('of session there are events, views, carts')],
    ])
    expect(learning('anomaly', 'session.carts', verdict)).toEqual([
      ...[3, 5, 'anomaly is the name of a model that every site may have'],
    ])
    expect(learning('will-buy', 'session.carts', 'kind: items, itemsMax: 5')).toEqual([
      ...[9, 44, 'will-buy scores a visitor; it names no items'],
    ])
    expect(learning('will-buy', 'event.customerAge', price)).toEqual([
      ...[7, 52],
      'the price of home must not depend on customerAge: it is a protected attribute',
    ])
    expect(learning('will-buy', 'event.customerAge', verdict)).toBeNull()
    const [line, , sentence] = mistakeIn('models: { x: { learns: wonders } }\nplacements: {}') ?? []
    const known = 'outcome, absence, label, trait, segments, stream, demand'
    expect([line, sentence]).toEqual([1, `must be one of ${known}, not "wonders"`])
    const stream = (property: string) =>
      mistakeIn(`models:
  pulse: { learns: stream, after: [Read], from: event.${property} }
placements:
  home: { ${price}, model: pulse, rules: [] }
`)
    expect(stream('pulse')).toBeNull()
    expect(stream('customerAge')).toEqual([
      ...[2, 49, 'the price of home must not depend on customerAge: it is a protected attribute'],
    ])
  })

  describe('that has a price learned', () => {
    const demandOf = (changes: object = {}) =>
      JSON.stringify({
        ...{ learns: 'demand', placement: 'fare', withinMs: 3_600_000 },
        features: [{ name: 'days', from: 'event.days', type: 'number', imputed: 0 }],
        byChance: { experiment: 'prices', variants: ['low', 'high'] },
        bought: { event: 'Booking Completed', subject: 'flight' },
        prices: { from: 0.5, to: 2, step: 0.1 },
        ...changes,
      })
    const low = '{ name: low, effect: factor, by: \'0.8\', when: variant.prices == "low" }'
    const experiment = 'experiments: { prices: { variants: { none: 8, low: 1, high: 1 } } }'
    const policyOf = (
      demand = demandOf(),
      rule = low,
      experiments = experiment,
      model = 'demand',
    ) =>
      mistakeIn(`${experiments}
models:
  demand: ${demand}
placements:
  fare: { kind: price, model: ${model}, base: '10.0', floor: 1, ceiling: 20, rules: [${rule}] }
  who: { kind: segment, segments: [{ name: a, when: session.views > 1 }], otherwise: b }
`)
    /** Of the first character within the quotes. */
    const columnOf = (demand: string, key: string) => `  demand: ${demand}`.indexOf(key) + 2

    it('is one where its prices differ by chance', () => {
      expect(policyOf()).toBeNull()
      expect(policyOf(demandOf({ bought: { event: 'Order Completed' } }))).toBeNull()
    })

    it.each([
      ['a placement that there is not', { placement: 'fair' }, '"fair"'],
      ['a placement of another kind', { placement: 'who' }, '"who"'],
    ])('is refused for %s', (_what, changes, key) => {
      const demand = demandOf(changes)
      const sentence = 'the placements of kind price are fare'
      expect(policyOf(demand)).toEqual([3, columnOf(demand, key), sentence])
    })

    it('is refused where its price asks another model, as nothing would teach it', () => {
      const sentence =
        'fare asks popularity: set its model to demand, or what that reads is not stored'
      expect(policyOf(demandOf(), low, experiment, 'popularity')).toEqual([
        ...[3, columnOf(demandOf(), '"fare"'), sentence],
      ])
    })

    it('is refused without prices by chance', () => {
      const [place, base] = [columnOf(demandOf(), '"prices"'), low.replace(/, when.*/, ' }')]
      const none =
        'there is no experiment: what a price does is learned from prices shown by chance'
      expect(policyOf(demandOf(), base, 'context: {}')).toEqual([3, place, none])
      const other = 'experiments: { laces: { variants: { a: 1, b: 1 } } }'
      expect(policyOf(demandOf(), base, other)).toEqual([3, place, 'the experiments are laces'])
      const idle = 'nothing in fare reads variant.prices, so its prices do not differ by chance'
      expect(policyOf(demandOf(), base)).toEqual([3, place, idle])
      const lows = demandOf({ byChance: { experiment: 'prices', variants: ['low', 'lower'] } })
      const variants = 'the variants of prices are none, low, high'
      expect(policyOf(lows)).toEqual([3, columnOf(lows, '"lower"'), variants])
    })

    it('is refused a protected attribute, and what could not be learned', () => {
      const features = [{ name: 'x', from: 'event.customerAge', type: 'number', imputed: 0 }]
      const demand = demandOf({ features })
      expect(policyOf(demand)).toEqual([
        ...[3, columnOf(demand, '"event.customerAge"')],
        'the price of fare must not depend on customerAge: it is a protected attribute',
      ])
      const refused = (changes: object) => policyOf(demandOf(changes))?.[2]
      expect(refused({ prices: { from: 2, to: 1, step: 0.1 } })).toBe('from must be below to')
      const both = { event: 'Booking Completed', subject: 'flight', decision: 'decisionId' }
      expect(refused({ bought: both })).toBe('must name a subject or a decision, not both')
      const chance = (...variants: string[]) => ({ byChance: { experiment: 'prices', variants } })
      expect(refused(chance('low'))).toContain('2')
      expect(refused(chance('low', 'low'))).toBe('must have each variant once')
    })
  })

  it('is refused where it would grow without end', () => {
    expect(mistakeIn('a: &a [1]\nb: [*a, *a]\nplacements: {}\n')).not.toBeNull()
    expect(mistakeIn(' '.repeat(policyCharactersMax + 1))?.[2]).toContain('are allowed')
  })

  it('tells everything that is wrong, not the first alone', () => {
    const parsed = parsePolicy(withRules(filter('item.a', 'a'), filter('item.b', 'b')))
    expect(parsed.ok ? [] : parsed.mistakes.map(({ line }) => line)).toEqual([11, 12])
  })
})
