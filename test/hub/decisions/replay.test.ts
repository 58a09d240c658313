import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ReplayedRelease, replayDecision } from '#hub/decisions/replay.ts'
import type { Blobs } from '#hub/registry/blobs.ts'
import { inputsOf } from '#shared/decision-inputs.ts'
import { type CompiledPlacement, compilePolicy } from '#shared/policy/compile.ts'
import { scopeOf } from '#shared/policy/scope.ts'
import { timeZoneOf } from '#shared/policy/time.ts'
import type { Placement } from '#shared/policy.ts'
import { packRelease } from '#shared/release.ts'
import { totalsAt } from '#shared/totals.ts'
import { mondayNoonMs as at } from '#test/support/decision.ts'
import { policyOfOne } from '#test/support/placement.ts'
import { smallRelease } from '#test/support/release.ts'

const declared = {
  timezone: 'string',
  note: 'string',
  budget: 'double',
  count: 'int',
  isKnown: 'bool',
  tags: 'list<string>',
} as const
const whens = [
  ...['has(context.timezone)', 'context.timezone == "Mars/Olympus"', 'time.hour >= 13'],
  ...['1.0 / context.budget < 0.0', 'context.budget > 0.1', 'context.note == "\uFFFD"'],
  ...['context.note == context.timezone', 'context.count < 0', 'context.isKnown'],
  'context.tags.exists(tag, tag == "\uFFFD")',
]
const policy = policyOfOne(
  {
    ...{ kind: 'verdict', unsure: 'review', event: declared },
    rules: [...whens, ...whens.map((when) => when.replaceAll('context', 'event'))].map(
      (when, number) => ({ name: `${number}`, verdict: 'review' as const, when }),
    ),
  },
  declared,
)
const compiled = compilePolicy(policy, [])
const home = compiled.placements.get('home') as CompiledPlacement

type Fields = Readonly<Record<string, unknown>>

/** What a POP decides of a context and the properties of an event, and what it sends to be stored. */
function decided(context: Fields, properties: Fields) {
  const timeZone = timeZoneOf(context, policy.timeZone)
  const { scope, ...told } = scopeOf(compiled, {
    ...{ visitor: 'a:1', session: null, totals: totalsAt(null, at), context, timeZone, at },
    event: { declared, properties },
    item: () => undefined,
  })
  const known = { itemsMax: 1, events: [], memory: null }
  const outcome = home.decide({
    ...{ ...known, scope, at, candidates: [], popular: [], item: () => undefined },
  })
  const inputs = inputsOf({ ...known, session: null, itemsSeen: 0, timeZone, popular: null })
  const features = { items: [], ...told }
  const stored = { visitor: 'a:1', at, placement: 'home', model: '', fallback: null }
  return { outcome, record: { ...stored, features, inputs } }
}

/** Through JSON and UTF-8, as it goes to the store and back. */
function throughStore<Value>(value: Value): Value {
  return JSON.parse(JSON.stringify(value), (_, part) =>
    typeof part === 'string' ? part.toWellFormed() : part,
  )
}

const text = fc.oneof(
  fc.constantFrom('Asia/Tokyo', 'Mars/Olympus', '\ud800', '\ufffd', ''),
  fc.string({ unit: 'binary', maxLength: 300 }),
)
const fields = fc.record(
  {
    timezone: fc.oneof(text, fc.integer()),
    note: text,
    budget: fc.oneof(fc.constantFrom(-0, 0, Number.POSITIVE_INFINITY), fc.double(), text),
    count: fc.oneof(fc.constantFrom(-0, 2 ** 53), fc.maxSafeInteger(), fc.double()),
    isKnown: fc.oneof(fc.boolean(), fc.constant(null)),
    tags: fc.array(text, { maxLength: 60 }),
    __proto__: fc.anything(),
    undeclared: fc.anything(),
  },
  { requiredKeys: [] },
)

describe('a decision made again', () => {
  it('is the same whatever the context and the event say', async () => {
    const release = new ReplayedRelease({ policy, catalogue: { items: [] }, popularity: [] })
    await fc.assert(
      fc.asyncProperty(fields, fields, async (context, properties) => {
        const { outcome, record } = decided(context, properties)
        const again = await release.decide(throughStore(record) as never)
        expect(again.outcome.effects).toEqual(outcome.effects)
        expect(again.outcome.answer).toEqual(outcome.answer)
      }),
      {
        numRuns: 300,
        examples: [
          [{}, {}],
          [{ timezone: 'Mars/Olympus' }, { timezone: 'Mars/Olympus' }],
          [{ budget: -0 }, { budget: -0 }],
          [{ note: '\ud800' }, { note: '\ud800', tags: ['\ud800'] }],
        ],
      },
    )
  })

  it('that the clock set off is the same, from what was remembered alone', async () => {
    const ward = policyOfOne({
      ...{ kind: 'alert', levels: [{ severity: 'high', on: '1 / 0 > 0', escalateMs: 60_000 }] },
    })
    const release = new ReplayedRelease({ policy: ward, catalogue: { items: [] }, popularity: [] })
    const memory = {
      ...{ level: 1, since: at - 60_000, notifiedAt: at - 60_000, notifiedLevel: 1 },
      ...{ acknowledgedAt: null, escalation: 0, escalatedAt: at - 60_000, unseenSince: null },
    }
    const { placements } = compilePolicy(ward, [])
    const outcome = placements.get('home')?.decideByClock?.({ at, memory })
    const known = { session: { events: 0, bot: false }, timeZone: 'UTC', itemsMax: 0, events: [] }
    const stored = { visitor: 'a:1', at, placement: 'home', model: 'none', fallback: null }
    const record = { ...stored, features: { items: [] }, inputs: { by: 'clock', ...known, memory } }
    const again = await release.decide(throughStore(record) as never)
    expect(again).toEqual({ outcome, score: null })
    expect(again.outcome.answer).toMatchObject({ notify: true, escalation: 1, by: 'clock' })
  })

  it('is held against what its rules came to, where the POP of its time told that', async () => {
    const fare: Placement = {
      ...{ kind: 'price', event: { fare: 'double' }, base: 'event.fare', subject: '"seat"' },
      ...{ floor: 1, ceiling: 900, step: 1, heldMs: 0 },
      rules: [{ name: 'busy', effect: 'factor', by: '1.5' }],
    }
    const parts = {
      ...smallRelease({ sessions: [[0, 1]], itemsTotal: 2 }),
      policy: policyOfOne(fare),
    }
    const { bytes } = await packRelease(parts)
    const blobs = { get: async () => bytes } as unknown as Blobs
    const kept = (...amounts: object[]) =>
      ['base', 'busy'].map((name, at) => ({
        ...{ name, effect: 'price', failures: 0, items: 0, ...amounts[at] },
      }))
    const replayed = async (effects: object[]) => {
      const answer = {
        subject: 'seat',
        price: 120,
        held: false,
        heldUntil: at,
        rail: null,
        reason: null,
      }
      const inputs = {
        session: { events: 1, bot: false },
        timeZone: 'UTC',
        itemsMax: 1,
        events: [],
      }
      const features = { items: [], totals: totalsAt(null, at), context: {}, event: { fare: 80 } }
      const { differences } = await replayDecision(
        {
          ...{ visitor: 'a:1', at, placement: 'home', model: '', fallback: null, release: 'r' },
          ...{ answerKind: 'price', answer, items: [], scores: [], features, inputs, effects },
        } as never,
        blobs,
      )
      return differences
    }
    expect(await replayed(kept({ amount: 80 }, { amount: 1.5 }))).toEqual([])
    expect(await replayed(kept())).toEqual([])
    expect(await replayed(kept({ amount: 79 }, { amount: 1.5 }))).toEqual(['effects'])
  })
})
