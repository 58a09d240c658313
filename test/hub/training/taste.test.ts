import { expect, test } from 'vitest'
import type { Store } from '#hub/store/store.ts'
import { learnTastes } from '#hub/training/taste/learn-tastes.ts'
import { defaultPolicy, type Policy } from '#shared/policy.ts'
import { scoreTaste, tasteFromModel } from '#shared/time-of-day.ts'

const asking: Policy = {
  ...defaultPolicy,
  placements: {
    now: { kind: 'items', model: 'time-of-day', itemsMax: 10, rules: [] },
    tonight: { kind: 'items', model: 'time-of-day-asked', itemsMax: 10, rules: [] },
  },
}
const catalogue = ['news', 'series'].map((id) => ({ id, category: id }))
const nobody = { items: Int32Array.of(), scores: Float32Array.of() }

/** A store that counted this. */
function storeOf(rows: readonly object[]) {
  let asked = 0
  const query = async () => {
    asked++
    return rows
  }
  return { store: { query } as unknown as Store, asked: () => asked }
}

const views = (item: string, hour: number, older: number, newer: number) => {
  return { item, hour, weekday: 1, older, newer }
}

test('a policy that names no time of day costs no query', async () => {
  const { store, asked } = storeOf([])
  expect(await learnTastes('shop', defaultPolicy, catalogue, store)).toMatchObject({ declared: {} })
  expect(asked()).toBe(0)
})

test('what is viewed at an hour is named at that hour, by both names', async () => {
  const { store } = storeOf([
    views('news', 7, 900, 220),
    views('series', 7, 100, 30),
    views('series', 21, 1_500, 370),
  ])
  const { declared, bytes, figures } = await learnTastes('shop', asking, catalogue, store)
  expect(Object.keys(declared)).toEqual(['time-of-day', 'time-of-day-asked'])
  expect(declared['time-of-day']?.features[0]).toMatchObject({ from: 'time.hour' })
  expect(declared['time-of-day-asked']?.features[0]).toMatchObject({ from: 'context.hour' })
  const taste = tasteFromModel(bytes['time-of-day'] as Uint8Array)
  expect(scoreTaste(taste, 7, nobody).items[0]).toBe(0)
  expect(scoreTaste(taste, 21, nobody).items[0]).toBe(1)
  expect(figures.tasteMrr20).toBeGreaterThan(figures.tastePopularityMrr20 as number)
})

test('where the hour tells nothing, or little is known, every hour is as all hours', async () => {
  for (const rows of [
    [views('news', 7, 90, 20), views('series', 21, 150, 30)],
    [views('news', 7, 500, 200), views('series', 7, 900, 300)],
  ]) {
    const { bytes } = await learnTastes('shop', asking, catalogue, storeOf(rows).store)
    const taste = tasteFromModel(bytes['time-of-day'] as Uint8Array)
    expect([7, 21, 40].map((slot) => scoreTaste(taste, slot, nobody).items[0])).toEqual([1, 1, 1])
  }
})
