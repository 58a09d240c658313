import { describe, expect, it } from 'vitest'
import { featurise } from '#shared/features.ts'
import { compilePolicy } from '#shared/policy/compile.ts'
import { RuleItem } from '#shared/policy/facts.ts'
import { scopeOf } from '#shared/policy/scope.ts'
import { readEvent } from '#shared/read-event.ts'
import { packRelease, unpackRelease } from '#shared/release.ts'
import { reduceSession, type Session } from '#shared/session.ts'
import { indexFromModel, scoreSession } from '#shared/session-knn.ts'
import { countEvent, type RunningTotals, totalsAt } from '#shared/totals.ts'
import { smallRelease } from '#test/support/release.ts'
import events from './events.json' with { type: 'json' }
import journey from './journey.json' with { type: 'json' }

// The same fixtures in Node and in workerd: what one of them trains on is what the other serves.

describe('an event', () => {
  it.each(events.cases)('is read the same everywhere: $name', (golden) => {
    const { receivedAt } = events
    const outcome = readEvent(golden.event, { receivedAt, sentAt: golden.sentAt })
    const expected = golden.accepted
      ? { ok: true, value: golden.accepted }
      : { ok: false, refusal: golden.refused }
    expect(outcome).toEqual(expected)
  })
})

function replayed() {
  const placed: [session: string, late: boolean][] = []
  let session: Session | null = null
  let totals: RunningTotals | null = null
  for (const raw of journey.events) {
    const outcome = readEvent(raw, { receivedAt: journey.receivedAt })
    if (!outcome.ok) throw new Error(outcome.refusal.detail)
    const step = reduceSession(session, outcome.value)
    placed.push([step.placed.session, step.placed.late])
    totals = countEvent(totals, outcome.value, session, step.session)
    session = step.session
  }
  return { session, placed, totals: totalsAt(totals, journey.receivedAt) }
}

describe('a journey', () => {
  const parts = smallRelease(journey.training)
  const ids = parts.catalogue.items.map(({ id }) => id)
  const known = (item: string) => ids.includes(item)

  it('becomes the same session', () => {
    const { session, placed } = replayed()
    expect({ session, placed }).toEqual({ session: journey.session, placed: journey.placed })
  })

  it('becomes the same features', () => {
    const features = featurise(replayed().session, known, journey.receivedAt, 5)
    expect(features).toEqual(journey.features)
  })

  it('becomes the same totals', () => {
    const { totals } = replayed()
    expect(Object.fromEntries(Object.entries(totals).filter(([, total]) => total !== 0))).toEqual(
      journey.totals,
    )
  })

  it('becomes the same scores and the same decision, by a release that travelled', async () => {
    const release = unpackRelease((await packRelease(parts)).bytes)
    const numbers = journey.features.items.map((item) => ids.indexOf(item))
    const scored = scoreSession(
      indexFromModel(release.models['session-knn'] as Uint8Array),
      Int32Array.from(numbers),
    )
    const candidates = [...scored.items].map((number, at) => ({
      id: ids[number] as string,
      score: scored.scores[at] as number,
    }))
    expect(candidates.map(({ id }) => id)).toEqual(journey.scores.map(({ id }) => id))
    for (const [at, { score }] of journey.scores.entries()) {
      expect(candidates[at]?.score).toBeCloseTo(score, 5)
    }
    const policy = compilePolicy(release.policy, release.catalogue.items)
    const placement = policy.placements.get('product-page')
    if (!placement) throw new Error('the release has no product-page')
    const items = new Map(
      release.catalogue.items.map((facts, at) => [facts.id, new RuleItem(facts, at)]),
    )
    const item = (id: string) => items.get(id)
    const { receivedAt: at, session } = journey
    const { totals } = replayed()
    const { scope } = scopeOf(policy, { visitor: 'a:d', session, totals, context: {}, at, item })
    const decided = placement.decide({
      ...{ candidates, popular: release.popularity, itemsMax: 6 },
      ...{ scope, at, item, events: [], memory: null },
    })
    expect(decided.items.map(({ id, by }) => ({ id, by }))).toEqual(journey.decided)
  })
})
