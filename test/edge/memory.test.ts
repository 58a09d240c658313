import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { changedMemory, memoryOf, readMemory } from '#edge/visitors/memory.ts'
import type { DecisionRecord } from '#shared/contract.ts'
import type { ScoredItem } from '#shared/decide.ts'
import { limits } from '#shared/limits.ts'
import { type CompiledPlacement, compilePolicy } from '#shared/policy/compile.ts'
import { scopeOf } from '#shared/policy/scope.ts'
import type { Policy } from '#shared/policy.ts'
import { totalsAt } from '#shared/totals.ts'
import { baseMs, shelfEvent } from '#test/support/events.ts'
import { sqliteStorage } from '#test/support/sqlite-storage.ts'
import { batchesOf, coreOn, noAlarm, requestOf } from '#test/support/visitors.ts'

const hourMs = 3_600_000
const dayMs = 24 * hourMs

const record: DecisionRecord = {
  ...{ kind: 'decision', decisionId: 'd', at: baseMs, placement: 'fare', release: null, model: '' },
  ...{
    fallback: null,
    session: '',
    features: {},
    inputs: {},
    effects: [],
    answerKind: 'price',
    answer: { price: 5 },
  },
  ...{ items: [], scores: [] },
}
const deciding = (before: object | null, after: object | null, placement = 'fare') => ({
  records: [{ ...record, placement }],
  memories: [{ placement, before: JSON.stringify(before), after }],
})

describe('what a placement remembers of a visitor', () => {
  it('is committed with the decision, and seen by the next one', () => {
    const storage = sqliteStorage()
    const core = coreOn(storage)
    core.commit([requestOf([], deciding(null, { price: 5 }))], baseMs, noAlarm)
    core.commit([requestOf([shelfEvent()])], baseMs, noAlarm)
    expect(coreOn(storage).look(requestOf([])).memory).toEqual({ fare: { price: 5 } })
    const name = { site: 'demo', visitor: 'a:1' }
    expect(core.describe(name, null).memory).toEqual({ fare: { price: 5 } })
    core.erase(name, baseMs)
    expect(core.look(requestOf([])).memory).toEqual({})
  })

  it('is changed by one of two decisions that saw the same; of the other nothing is kept, so that it can be made again', () => {
    const core = coreOn(sqliteStorage())
    const request = (id: string, price: number) =>
      requestOf([shelfEvent({ messageId: id })], deciding(null, { price }))
    const results = core.commit([request('m1', 1), request('m2', 2)], baseMs, noAlarm)
    expect(results).toMatchObject([
      { ok: true, accepted: 1, duplicates: 0 },
      { ok: true, accepted: 0, duplicates: 0, isOvertaken: true },
    ])
    const second = requestOf(
      [shelfEvent({ messageId: 'm2' })],
      deciding({ price: 1 }, { price: 2 }),
    )
    expect(core.look(second)).toMatchObject({ memory: { fare: { price: 1 } }, isLastNew: true })
    expect(core.commit([second], baseMs, noAlarm)).toMatchObject([{ ok: true, accepted: 1 }])
    const kinds = batchesOf(core).map(({ records }) =>
      records.map((each) => (each as { kind: string }).kind),
    )
    expect(kinds).toEqual([
      ['event', 'decision'],
      ['event', 'decision'],
    ])
  })

  it('is of several placements that one event asks: all of them, or none', () => {
    const core = coreOn(sqliteStorage())
    const [fare, alarm] = [deciding(null, { price: 5 }), deciding(null, { on: true }, 'alarm')]
    const both = requestOf([shelfEvent()], {
      records: [...fare.records, ...alarm.records],
      memories: [...fare.memories, ...alarm.memories],
    })
    core.commit([requestOf([], deciding(null, { on: false }, 'alarm'))], baseMs, noAlarm)
    expect(core.commit([both], baseMs, noAlarm)).toMatchObject([{ accepted: 0, isOvertaken: true }])
    expect(core.look(both)).toMatchObject({ memory: { alarm: { on: false } }, isLastNew: true })
  })

  it('is forgotten where a decision says so', () => {
    const core = coreOn(sqliteStorage())
    core.commit([requestOf([], deciding(null, { price: 1 }))], baseMs, noAlarm)
    core.commit([requestOf([], deciding({ price: 1 }, null))], baseMs, noAlarm)
    expect(core.look(requestOf([])).memory).toEqual({})
  })

  it('has a bound, past which only what the policy has no more is forgotten, that of longest ago first', () => {
    const core = coreOn(sqliteStorage())
    const large = { text: 'x'.repeat(limits.memoryCharactersMax / 3) }
    const commit = (placement: string, outOfPolicy: readonly string[]) => {
      const { records, memories } = deciding(null, large, placement)
      const changes = memories.map((each) => ({ ...each, outOfPolicy }))
      core.commit([requestOf([], { records, memories: changes })], baseMs, noAlarm)
      return Object.keys(core.look(requestOf([])).memory)
    }
    commit('a', [])
    commit('b', [])
    expect(commit('c', ['b', 'gone'])).toEqual(['a', 'c'])
    expect(commit('d', ['b'])).toEqual(['a', 'c', 'd'])
  })

  it('begins empty in an object of before it was remembered', () => {
    const storage = sqliteStorage()
    storage.sql.exec(`CREATE TABLE visitors (
      site TEXT NOT NULL, visitor TEXT NOT NULL, epoch INTEGER NOT NULL, sequence INTEGER NOT NULL,
      seen_at INTEGER NOT NULL, session TEXT, recent BLOB,
      PRIMARY KEY (site, visitor)) WITHOUT ROWID`)
    storage.sql.exec("INSERT INTO visitors VALUES ('demo', 'a:1', 1, 1, 1, NULL, NULL)")
    const core = coreOn(storage)
    expect(core.look(requestOf([]))).toMatchObject({ session: null, memory: {} })
    core.commit([requestOf([], deciding(null, { price: 1 }))], baseMs, noAlarm)
    expect(core.look(requestOf([])).memory).toEqual({ fare: { price: 1 } })
  })
})

/** Placements of one policy whose answers bind what may be answered later. */
const binding: Policy = {
  ...{ context: {}, timeZone: 'UTC', experiments: {} },
  placements: {
    fare: priceOf(),
    bag: priceOf(),
    seat: priceOf(),
    once: {
      ...{ kind: 'items', model: 'popularity', itemsMax: 1 },
      rules: [{ name: 'once', effect: 'frequency-cap', shownMax: 1, windowMs: dayMs }],
    },
    gift: {
      kind: 'offer',
      offers: [{ name: 'gift', terms: {}, code: 'G', perVisitor: 1, heldMs: 1 }],
    },
  },
}

function priceOf(): Policy['placements'][string] {
  return {
    ...{ kind: 'price', event: { fare: 'double', flight: 'string' } },
    ...{ base: 'event.fare', subject: 'event.flight', floor: 1, ceiling: 1_000, step: 0.01 },
    ...{ heldMs: hourMs, rules: [] },
  }
}

/** A visitor who asks these placements, and whose memory lies between two questions as a POP keeps it. */
function visitorOf(policy: Policy) {
  const compiled = compilePolicy(policy, [])
  let text: string | null = null
  const ask = (name: string, at: number, properties = {}, candidates: ScoredItem[] = []) => {
    const placement = compiled.placements.get(name) as CompiledPlacement
    const { scope } = scopeOf(compiled, {
      ...{ visitor: 'a:1', session: null, totals: totalsAt(null, at), context: {}, at },
      event: { declared: placement.placement.event ?? {}, properties },
      item: () => undefined,
    })
    const before = memoryOf(readMemory(text), name)
    const { memory: after, ...outcome } = placement.decide({
      ...{ scope, at, candidates, popular: [], itemsMax: 1, events: [], item: () => undefined },
      memory: JSON.parse(before),
    })
    if (after !== undefined) {
      text = changedMemory(readMemory(text), { placement: name, before, after })
    }
    return outcome
  }
  return { ask, characters: () => text?.length ?? 0 }
}

describe('what binds a visitor', () => {
  it('is never forgotten for anything else that is asked, and what is remembered stays bounded', () => {
    const subject = fc.oneof(
      fc.string({ unit: 'binary', minLength: 1, maxLength: 250 }),
      fc.constantFrom('\u0001', '"', '\\', '漢').map((sign) => sign.repeat(250)),
    )
    const others = fc.tuple(subject, fc.constantFrom('fare', 'bag', 'seat', 'once'))
    fc.assert(
      fc.property(fc.array(others, { minLength: 2, maxLength: 5 }), subject, (asked, own) => {
        const { ask, characters } = visitorOf(binding)
        const price = (name: string, flight: string, fare: number, at: number) =>
          ask(name, at, { flight, fare }).answer
        const item = [{ id: 'shown', score: 1 }]
        expect(price('fare', own, 100, baseMs)).toMatchObject({ price: 100 })
        expect(ask('once', baseMs, {}, item).items).toHaveLength(1)
        expect(ask('gift', baseMs).answer).toMatchObject({ offer: 'gift' })
        for (const [text, name] of asked) {
          for (let number = 0; number < 105; number++) {
            const other = `${text.slice(0, 250)}${number}`
            if (name === 'once') ask(name, baseMs + 2, {}, [{ id: other, score: 1 }])
            else if (other !== own) price(name, other, 10, baseMs + 2)
          }
        }
        expect(characters()).toBeLessThanOrEqual(limits.memoryCharactersMax)
        const later = baseMs + hourMs - 1
        expect(price('fare', own, 500, later)).toMatchObject({ price: 100, held: true })
        expect(ask('once', later, {}, item).items).toEqual([])
        expect(ask('gift', later).answer).toMatchObject({ offer: null, reason: 'visitor_cap' })
        // What binds no more gives way.
        expect(price('fare', 'another', 500, baseMs + 2 * hourMs)).toMatchObject({ price: 500 })
      }),
      { numRuns: 8 },
    )
  })

  it('leaves room for it by a stated answer', () => {
    const { ask } = visitorOf(binding)
    const answers = Array.from({ length: limits.pricesHeldMax + 1 }, (_, number) => {
      const flight = `${'\u0001'.repeat(250)}${number}`
      return ask('fare', baseMs, { flight, fare: 10 }).answer
    })
    expect(answers.at(-2)).toMatchObject({ price: 10, reason: null })
    expect(answers.at(-1)).toMatchObject({ price: null, reason: 'too_many_prices' })
    const shown = Array.from({ length: 300 }, (_, number) => {
      const id = `${'"'.repeat(50)}${number}`
      return ask('once', baseMs, {}, [{ id, score: 1 }])
    })
    expect(shown[0]?.items).toHaveLength(1)
    expect(shown.at(-1)).toMatchObject({ items: [], effects: [{ reason: 'too_many_shown' }] })
  })

  it('leaves an offer to those whose memory has room for it', () => {
    const offers = Array.from({ length: 200 }, (_, number) => ({
      ...{ name: `${'"'.repeat(200)}${number}`, terms: {}, perVisitor: 1, heldMs: 1 },
    }))
    const { ask } = visitorOf({ ...binding, placements: { gifts: { kind: 'offer', offers } } })
    const given = offers.map((_, number) => ask('gifts', baseMs + 2 * number).answer)
    expect(given.at(-1)).toMatchObject({ offer: null, reason: 'visitor_cap' })
    const names = given.flatMap(({ offer }) => (offer === null ? [] : [offer]))
    expect(names.length).toBeGreaterThan(50)
    expect(new Set(names).size).toBe(names.length)
  })
})
