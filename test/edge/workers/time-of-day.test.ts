import { afterEach, expect, it } from 'vitest'
import { buildTasteModel } from '#models/time-of-day/graph.ts'
import { defaultTasteSettings, trainTaste } from '#models/time-of-day/train.ts'
import type { ReleaseParts } from '#shared/release.ts'
import { slotOf, slotsTotal } from '#shared/time-of-day.ts'
import { rawEvent } from '#test/support/events.ts'
import { smallRelease } from '#test/support/release.ts'
import { packAndPush } from './hub-side.ts'
import { forgetEverything, send } from './pop.ts'

afterEach(forgetEverything)

const itemsTotal = 6
const small = smallRelease({
  sessions: [
    [0, 1, 2],
    [0, 1],
    [0, 2, 3],
  ],
  itemsTotal,
})
const [morning, night] = [
  { hour: 7, weekday: 2 },
  { hour: 22, weekday: 6 },
]

/** Item 4 is for the morning, item 5 for Saturday night; 1 and 2 come after 0, and 2 is for the night. */
function parts(): ReleaseParts {
  const counts = new Float64Array(slotsTotal * itemsTotal)
  counts[slotOf(morning) * itemsTotal + 4] = 800
  counts[slotOf(morning) * itemsTotal + 1] = 200
  counts[slotOf(night) * itemsTotal + 5] = 800
  counts[slotOf(night) * itemsTotal + 2] = 200
  const categories = Int32Array.from({ length: itemsTotal }, (_, item) => item)
  const taste = trainTaste({ counts, categories }, { ...defaultTasteSettings, shrinkage: 10 })
  const number = (name: string) => ({
    ...{ name, from: `context.${name}`, type: 'number' as const, imputed: 1 },
  })
  const asked = {
    ...{ family: 'time-of-day' as const, beside: 'session-knn', itemsTotal },
    inputs: ['slot', 'candidates', 'weights'] as ['slot', 'candidates', 'weights'],
    outputs: ['items' as const, 'scores' as const],
    features: [number('hour'), number('weekday')],
    candidatesMax: taste.candidatesMax,
  }
  const tonight = { kind: 'items' as const, model: 'asked', itemsMax: 10, rules: [] }
  return {
    ...small,
    manifest: { ...small.manifest, models: { ...small.manifest.models, asked } },
    models: { ...small.models, asked: buildTasteModel(taste) },
    policy: {
      ...small.policy,
      context: { hour: 'int', weekday: 'int' },
      placements: { ...small.policy.placements, tonight },
    },
  }
}

async function ask(context: object, ...items: string[]) {
  const events = items.map((item) =>
    rawEvent({ messageId: item, anonymousId: 'me', properties: { product_id: item } }),
  )
  const asked = { placement: 'tonight', anonymousId: 'me', context, events }
  const { body } = await send('/v1/decide', asked)
  return {
    ...{ model: body.model, fallback: body.fallback },
    ids: (body.items as { readonly id: string }[]).map(({ id }) => id),
  }
}

it('names what is taken at that hour to whoever has done nothing yet', async () => {
  expect(await packAndPush(parts())).toMatchObject({ status: 200 })
  const early = await ask(morning)
  expect(early).toMatchObject({ model: 'asked', fallback: null })
  expect(early.ids[0]).toBe('item-4')
  expect((await ask(night)).ids[0]).toBe('item-5')
})

it('weighs what the session names by the hour', async () => {
  await packAndPush(parts())
  const order = async (context: object) => {
    await forgetEverything()
    await packAndPush(parts())
    const { ids } = await ask(context, 'item-0')
    return ids.indexOf('item-1') < ids.indexOf('item-2')
  }
  expect([await order(morning), await order(night)]).toEqual([true, false])
})
