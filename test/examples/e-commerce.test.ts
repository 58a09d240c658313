import { expect, test } from 'vitest'
import { hitRates, type Shown } from '#examples/e-commerce/measure.ts'
import { policy } from '#examples/e-commerce/policy.ts'
import { eventsUntil, trafficFrom } from '#examples/e-commerce/world.ts'
import { parsePolicy } from '#hub/policies/parse-policy.ts'
import { readEvent } from '#shared/read-event.ts'

const startAtMs = Date.UTC(2026, 10, 25)
const hourMs = 3_600_000
const hoursOf = (count: number, seed = 1) => [
  ...eventsUntil(trafficFrom(startAtMs, seed), startAtMs + count * hourMs),
]

test('its policy is one, and its baseline differs in the model alone', () => {
  const parsed = parsePolicy(policy)
  if (!parsed.ok) throw new Error(JSON.stringify(parsed))
  const { 'product-page': asked, 'most-viewed': baseline } = parsed.policy.placements
  expect(baseline).toEqual({ ...asked, model: 'popularity' })
})

test('the same seed makes the same shoppers', () => {
  expect(hoursOf(2)).toEqual(hoursOf(2))
  expect(hoursOf(2)).not.toEqual(hoursOf(2, 2))
})

test('what is learned from was sent before anything is asked, and is dirty: some is there twice, some is refused', () => {
  const untilMs = startAtMs + 6 * hourMs
  const traffic = trafficFrom(startAtMs, 1)
  const events = [...eventsUntil(traffic, untilMs)]
  expect(traffic.next().value.sendAtMs).toBeGreaterThanOrEqual(untilMs)
  const read = events.map((event) => readEvent(event, { receivedAt: untilMs }))
  const taken = read.flatMap((outcome) => (outcome.ok ? [outcome.value] : []))
  const once = new Set(taken.map(({ messageId }) => messageId))
  expect(taken.length).toBeGreaterThan(0.9 * events.length)
  expect(taken.length).toBeLessThan(events.length)
  expect(once.size).toBeLessThan(taken.length)
  expect(taken.every(({ timestamp }) => timestamp <= untilMs)).toBe(true)
})

test('a way of recommending is scored by views, and is as sure as there are visitors', () => {
  const shown = (hits: readonly boolean[], visitorOf: (at: number) => string): Shown[] =>
    hits.map((isHit, at) => ({ visitor: visitorOf(at), isHit }))
  const hits = Array.from({ length: 40 }, (_, at) => at % 4 < 3)
  const many = hitRates({
    model: shown(hits, String),
    mostViewed: shown(
      hits.map((isHit) => !isHit),
      String,
    ),
  })
  expect(many).toMatchObject({
    ...{ predictions: 40, modelHitRate10: 0.75, mostViewedHitRate10: 0.25 },
  })
  expect(many.modelHitRate10Low).toBeGreaterThan(many.mostViewedHitRate10High)
  // Each of four visitors always hits or never does: forty views of theirs tell no more than four.
  const few = shown(hits, (at) => String(at % 4))
  const { modelHitRate10Low } = hitRates({ model: few, mostViewed: few })
  expect(modelHitRate10Low).toBeLessThan(many.modelHitRate10Low)
})
