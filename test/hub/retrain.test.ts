import { createHash } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { deflateSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { TrainingClaim } from '#hub/registry/registry.ts'
import { retrain } from '#hub/retrain.ts'
import { checkModel } from '#hub/training/check-model.ts'
import { itemsThatFit } from '#hub/training/items-that-fit.ts'
import { judge, split } from '#hub/training/judge.ts'
import { readTrainingData } from '#hub/training/read-sessions.ts'
import { trainModel } from '#hub/training/train-model.ts'
import { buildPopularity } from '#models/popularity/popularity.ts'
import { buildModel } from '#models/session-knn/graph.ts'
import { buildIndex } from '#models/session-knn/train.ts'
import { limits } from '#shared/limits.ts'
import { unpackRelease } from '#shared/release.ts'
import { settingsWith, trainingSessions } from '#test/models/session-knn-fixture.ts'
import { baseMs, minuteMs } from '#test/support/events.ts'
import { openTestHub, type TestHub } from '#test/support/hub.ts'

let hub: TestHub
let policyDir = ''
beforeAll(async () => {
  policyDir = mkdtempSync(join(tmpdir(), 'shelfedge-policies-'))
  const SITES = sitesOf('shop', 'views', 'facts', 'tiny', 'chains', 'streams', 'flooded', 'misled')
  hub = await openTestHub({ SITES, POLICY_DIR: policyDir })
})
afterAll(async () => {
  await hub?.close()
  rmSync(policyDir, { recursive: true, force: true })
})

function sitesOf(...names: string[]): string {
  const sites = names.map((name) => [name, { writeKeys: [`${name}-key`] }])
  return JSON.stringify(Object.fromEntries(sites))
}

let rowsMade = 0
/** One row of the store: a view of `item` at minute `at` in the only session of `visitor`. */
function view(visitor: string, item: string, at: number, changes: Record<string, unknown> = {}) {
  return {
    ...{ site: 'shop', visitor, message_id: `row ${++rowsMade}`, type: 'track' },
    ...{ event: 'Product Viewed', timestamp: new Date(baseMs + at * minuteMs).toISOString() },
    ...{ session: 's', epoch: 1, sequence: rowsMade, position: 0, bot: false, items: [item] },
    ...{ properties: '{}', context: '{}', traits: '{}' },
    ...changes,
  }
}

let insertions = 0
function insert(site: string, rows: Record<string, unknown>[]): Promise<void> {
  const ofSite = rows.map((row) => ({ ...row, site }))
  return hub.environment.store.insert('events', ofSite, `insertion ${++insertions}`)
}

/** The sessions a site would be trained on, in the ids of its items. */
async function sessionsOf(site: string): Promise<string[][]> {
  const { catalogue, sessions } = await readTrainingData(hub.environment.store, site)
  return Array.from(sessions.sessionEndsAtMs, (_, session) =>
    Array.from(
      sessions.items.slice(sessions.sessionOffsets[session], sessions.sessionOffsets[session + 1]),
      (number) => catalogue[number]?.id ?? '?',
    ),
  )
}

describe('the training data of a site', () => {
  it('is what its people looked at and chose, in order, the oldest session first', async () => {
    await insert('shop', [
      view('late', 'a', 20),
      view('late', 'b', 21),
      view('early', 'c', 3, { sequence: 3 }),
      view('early', 'a', 1, { sequence: 9 }),
      // The same moment: the order in which the POP took them decides.
      view('early', 'd', 3, { sequence: 4, position: 1 }),
      view('early', 'b', 3, { sequence: 4, position: 0, event: 'Product Added' }),
      view('robot', 'r', 5, { bot: true }),
      view('early', 'searched', 2, { event: 'Products Searched' }),
    ])
    await insert('views', [view('stranger', 'x', 1), view('early', 'y', 2)])
    expect(await sessionsOf('shop')).toEqual([
      ['a', 'c', 'b', 'd'],
      ['a', 'b'],
    ])
  })

  it('numbers items by how often they were looked at, and takes a run of one item once', async () => {
    await insert('views', [
      ...[1, 2, 3].map((at) => view('reloads', 'z', at)),
      view('reloads', 'y', 4),
      view('reloads', 'z', 5),
    ])
    const { catalogue } = await readTrainingData(hub.environment.store, 'views')
    expect(catalogue.map(({ id }) => id)).toEqual(['z', 'y', 'x'])
    expect(await sessionsOf('views')).toContainEqual(['z', 'y', 'z'])
  })

  it('keeps the newest items of a session that is longer than a POP remembers', async () => {
    const long = Array.from({ length: limits.sessionItemsMax + 5 }, (_, at) =>
      view('collector', `n${at}`, at),
    )
    await insert('tiny', long)
    const [session] = await sessionsOf('tiny')
    expect(session).toHaveLength(limits.sessionItemsMax)
    expect([session?.[0], session?.at(-1)]).toEqual(['n5', `n${limits.sessionItemsMax + 4}`])
  })

  it('knows of each item what was said of it last, a price in text too, and of a list nothing', async () => {
    const saying = (properties: object) => ({ properties: JSON.stringify(properties) })
    await insert('facts', [
      view(
        'v',
        'shoe',
        2,
        saying({ name: 'New', price: '19.5', category: 'Shoes', in_stock: false }),
      ),
      view('v', 'shoe', 1, saying({ name: 'Old', price: 25, in_stock: true })),
      view('v', 'sock', 3),
      view('w', 'bundle', 4, { items: ['bundle', 'sock'], ...saying({ name: 'Both' }) }),
    ])
    const { catalogue } = await readTrainingData(hub.environment.store, 'facts')
    expect(catalogue.toSorted((one, other) => one.id.localeCompare(other.id))).toEqual([
      { id: 'bundle' },
      { id: 'shoe', name: 'New', price: 19.5, category: 'Shoes', available: false },
      { id: 'sock' },
    ])
  })

  it('believes most of its visitors, and not one that sends what it likes', async () => {
    const saying = (properties: object) => ({ properties: JSON.stringify(properties) })
    const shop = saying({ name: 'Shoe', price: 20 })
    await insert('tiny', [
      ...['a', 'b', 'c'].map((visitor) => view(visitor, 'trusted', 1, shop)),
      ...[2, 3, 4, 5, 6].map((at) => view('liar', 'trusted', at, saying({ name: 'X', price: 0 }))),
      // Two words of as many visitors: the newest holds.
      view('a', 'changed', 1, saying({ price: 10 })),
      view('b', 'changed', 2, saying({ price: 12 })),
      ...Array.from({ length: 30 }, (_, at) =>
        view(`${at}`, 'dearer', at, saying({ price: at < 15 ? 1 : 2 })),
      ),
    ])
    const { catalogue } = await readTrainingData(hub.environment.store, 'tiny')
    const prices = Object.fromEntries(catalogue.map(({ id, price }) => [id, price]))
    expect(prices).toMatchObject({ trusted: 20, changed: 12, dearer: 2 })
    expect(catalogue).toContainEqual({ id: 'trusted', name: 'Shoe', price: 20 })
  })
})

/** Characters that do not deflate. */
function noise(seed: string, characters: number): string {
  const parts = Array.from({ length: Math.ceil(characters / 80) }, (_, at) =>
    createHash('sha512').update(`${seed} ${at}`).digest('base64').slice(0, 80),
  )
  return parts.join('').slice(0, characters)
}

describe('a catalogue', () => {
  it('keeps the most viewed items that have room in a release beside its models', async () => {
    const viewed = Array.from({ length: 2_000 }, (_, at) => ({ id: `item ${at}` }))
    const madeUp = Array.from({ length: 8_000 }, (_, at) => ({ id: noise(`${at}`, 250) }))
    const kept = await itemsThatFit([...viewed, ...madeUp], 1_000_000)
    expect(kept.slice(0, 2_000)).toEqual(viewed)
    expect(deflateSync(JSON.stringify(kept)).length + kept.length * 16).toBeLessThan(1_000_000)
    expect(kept.length).toBeGreaterThan(5_000)
    expect(await itemsThatFit(viewed, 1_000_000)).toEqual(viewed)
  })
})

/** 400 sessions in 40 chains a → b → c: what comes next is certain, and nothing is popular. */
const chains = Array.from({ length: 400 }, (_, at) => [0, 1, 2].map((step) => (at % 40) * 3 + step))
const popularityOf = (sessions: ReturnType<typeof trainingSessions>) =>
  buildPopularity(sessions, { nowMs: 0, halfLifeDays: 7, itemsMax: 100 })

describe('a model is judged', () => {
  it('on the newest sessions, which it never learned from', () => {
    const { earlier, heldBack } = split(trainingSessions(chains))
    expect(earlier.sessionEndsAtMs).toHaveLength(380)
    expect(earlier.items).toHaveLength(380 * 3)
    expect(heldBack.map((session) => [...session])).toEqual(chains.slice(380))
  })

  it('and passes where it knows more than popularity', () => {
    const sessions = trainingSessions(chains)
    const heldBack = chains.slice(0, 40).map((items) => Int32Array.from(items))
    const verdict = judge(buildIndex(sessions, settingsWith()), popularityOf(sessions), heldBack)
    expect(verdict).toMatchObject({ passed: true, predictions: 80, hitRate20: 1 })
    expect(verdict.mrr20).toBeGreaterThan(verdict.popularityMrr20)
  })

  it('and is refused where popularity does as well', () => {
    const sessions = trainingSessions(Array.from({ length: 400 }, () => [0, 1]))
    const { earlier, heldBack } = split(sessions)
    const more = [...heldBack, ...heldBack, ...heldBack]
    const verdict = judge(buildIndex(earlier, settingsWith()), popularityOf(earlier), more)
    expect(verdict).toMatchObject({
      ...{ passed: false, predictions: 60, mrr20: 1, popularityMrr20: 1 },
      reason: expect.stringContaining('is not above'),
    })
  })

  it('in the runtime that will serve it: a model must score each item as its index does', async () => {
    const index = buildIndex(trainingSessions(chains), settingsWith())
    const itemWeights = index.itemCandidateWeights.map((weight, item) => weight + item)
    const weightedOtherwise = { ...index, itemCandidateWeights: itemWeights }
    // The same scores in the same order, for other items.
    const turned = chains.map(([a = 0, b = 0, c = 0]) => [a, c, b])
    const ofOtherItems = buildIndex(trainingSessions(turned), settingsWith())
    const heldBack = [Int32Array.of(0)]
    await expect(checkModel(buildModel(index), index, heldBack)).resolves.toBeUndefined()
    for (const other of [weightedOtherwise, ofOtherItems]) {
      const checked = checkModel(buildModel(other), index, heldBack)
      await expect(checked).rejects.toThrow('disagree on the session 0')
    }
  }, 60_000)
})

describe('a training', () => {
  const policyText = (keep: string) =>
    `placements: { home: { kind: items, model: popularity, itemsMax: 5, rules: [
      { name: cheap, effect: filter, keep: ${keep} } ] } }`

  it('with a policy that is wrong makes no release, and says where it is wrong', async () => {
    writeFileSync(join(policyDir, 'chains.yaml'), policyText('item.prise < 5'))
    const { outcome, reason } = await retrain('chains', 'test', hub.environment)
    expect(outcome).toBe('refused')
    expect(reason).toMatch(/chains\.yaml:2:49 .*: No such key: prise$/)
    expect(await hub.environment.registry.releases('chains', 10)).toEqual([])
  })

  it('makes the same bytes from the same sessions', async () => {
    const [one, other] = [
      await trainModel(trainingSessions(chains)),
      await trainModel(trainingSessions(chains)),
    ]
    expect(Buffer.from(one.model).equals(Buffer.from(other.model))).toBe(true)
    expect(one).toEqual(other)
  })

  it('with a policy that names a model it cannot make says which there are', async () => {
    const policy = 'placements: { ward: { kind: verdict, model: MODEL, rules: [] } }'
    const rows = chains.flatMap((items, at) =>
      items.map((item, step) => view(`v${at}`, `i${item}`, at * 10 + step)),
    )
    await insert('streams', rows)
    writeFileSync(join(policyDir, 'streams.yaml'), policy.replace('MODEL', 'churn'))
    const refused = await retrain('streams', 'test', hub.environment)
    expect(refused).toMatchObject({
      outcome: 'refused',
      reason: 'policy.placements.ward.model: there is no churn; the models are popularity',
    })
    writeFileSync(join(policyDir, 'streams.yaml'), policy.replace('MODEL', 'anomaly'))
    const { digest } = await retrain('streams', 'test', hub.environment)
    const bytes = await hub.environment.blobs.get(digest as string)
    const { manifest } = unpackRelease(new Uint8Array(bytes as Uint8Array))
    expect(manifest.models.anomaly).toEqual({ family: 'stream', from: 'event.value' })
  }, 60_000)

  it('with too little to learn from publishes nothing and says what is missing', async () => {
    expect(await retrain('facts', 'test', hub.environment)).toMatchObject({
      ...{ outcome: 'too_little', digest: null },
      reason: '2 sessions of two items and more, 100 are needed before the policy is released',
    })
    expect(await hub.environment.registry.releases('facts', 10)).toEqual([])
  })

  it('keeps what it published under its digest, tagged live, within what a POP takes', async () => {
    const rows = chains.flatMap((items, at) =>
      items.map((item, step) => view(`v${at}`, `i${item}`, at * 10 + step)),
    )
    await insert('chains', rows)
    writeFileSync(join(policyDir, 'chains.yaml'), policyText('item.price < 5'))
    const training = await retrain('chains', 'test', hub.environment)
    expect(training).toMatchObject({ outcome: 'published', figures: { sessions: 400, items: 120 } })
    const { registry, blobs } = hub.environment
    expect(await registry.tag('chains', 'live')).toBe(training.digest)
    const bytes = await blobs.get(training.digest as string)
    const { policy } = unpackRelease(new Uint8Array(bytes as Uint8Array))
    expect(policy.placements.home).toMatchObject({ rules: [{ keep: 'item.price < 5' }] })
    expect(bytes?.length).toBe(training.figures.releaseBytes)
    expect(bytes?.length).toBeLessThanOrEqual(limits.releaseBytesMax)
    expect(await registry.history('chains', 10)).toMatchObject([
      { tag: 'live', by: 'test', why: training.reason },
    ])
  })

  it('publishes nothing where the live release was made from the same, and again after a change', async () => {
    const { registry } = hub.environment
    const live = await registry.tag('chains', 'live')
    expect(await retrain('chains', 'test', hub.environment)).toMatchObject({
      ...{ outcome: 'unchanged', digest: live, figures: { sessions: 400 } },
      policy: { file: join(policyDir, 'chains.yaml'), placements: 1, rules: 1 },
    })
    expect(await registry.history('chains', 10)).toHaveLength(1)
    writeFileSync(join(policyDir, 'chains.yaml'), policyText('item.price < 6'))
    expect(await retrain('chains', 'test', hub.environment)).toMatchObject({ outcome: 'published' })
    await insert('chains', [view('newcomer', 'i1', 9_000), view('newcomer', 'i2', 9_001)])
    expect(await retrain('chains', 'test', hub.environment)).toMatchObject({
      ...{ outcome: 'published', figures: { sessions: 401 } },
    })
    expect(await registry.history('chains', 10)).toHaveLength(3)
  })

  it('goes on whatever a stranger says of items, and learns only what placements ask for', async () => {
    const named = (at: number) => JSON.stringify({ name: noise(`name ${at}`, 30_000) })
    await insert('flooded', [
      ...chains.flatMap((items, at) =>
        items.map((item, step) => view(`v${at}`, `i${item}`, at * 10 + step)),
      ),
      ...Array.from({ length: 500 }, (_, at) =>
        view('namer', `named ${at}`, at, { properties: named(at) }),
      ),
    ])
    const publish = async (model: string) => {
      writeFileSync(
        join(policyDir, 'flooded.yaml'),
        `placements: { home: { kind: items, model: ${model}, itemsMax: 5, rules: [] } }`,
      )
      const { outcome, digest } = await retrain('flooded', 'test', hub.environment)
      expect(outcome).toBe('published')
      const bytes = await hub.environment.blobs.get(digest as string)
      return unpackRelease(new Uint8Array(bytes as Uint8Array))
    }
    const release = await publish('session-knn')
    const longest = Math.max(...release.catalogue.items.map(({ name = '' }) => name.length))
    expect(longest).toBe(limits.nameCharactersMax)
    // What no placement asks for is not learned, so it cannot fail.
    const popular = await publish('popularity')
    expect(popular.manifest.models).toEqual({})
    expect(popular.popularity).toEqual(release.popularity)
  }, 60_000)

  it('lets a policy change where what was trained is too weak, with what recommends now', async () => {
    const views = (of: readonly number[][], from: string, startsAt: number) =>
      of.flatMap((items, at) =>
        items.map((item, step) => view(`${from}${at}`, `i${item}`, startsAt + at * 10 + step)),
      )
    const write = (itemsMax: number) =>
      writeFileSync(
        join(policyDir, 'misled.yaml'),
        `placements: { home: { kind: items, model: session-knn, itemsMax: ${itemsMax} } }`,
      )
    const released = async (digest: string | null) =>
      unpackRelease(
        new Uint8Array((await hub.environment.blobs.get(digest as string)) as Uint8Array),
      )
    await insert('misled', views(chains, 'v', 0))
    write(5)
    const first = await retrain('misled', 'test', hub.environment)
    // Whoever sends these knows what is popular, and nothing else comes next.
    await insert(
      'misled',
      views(
        Array.from({ length: 700 }, () => [0, 1]),
        'liar',
        9_000,
      ),
    )
    const refused = await retrain('misled', 'test', hub.environment)
    expect(refused).toMatchObject({ outcome: 'refused', reason: expect.stringMatching(/^MRR/) })
    write(6)
    const changed = await retrain('misled', 'test', hub.environment)
    expect(changed).toMatchObject({ outcome: 'published', reason: expect.stringMatching(/MRR/) })
    const [before, after] = [await released(first.digest), await released(changed.digest)]
    expect(after.policy.placements.home).toMatchObject({ itemsMax: 6 })
    expect(after).toMatchObject({
      ...{ models: before.models, catalogue: before.catalogue, popularity: before.popularity },
    })
    expect(await retrain('misled', 'test', hub.environment)).toMatchObject({ outcome: 'unchanged' })
  }, 60_000)

  it('publishes nothing under a claim that another hub has taken over', async () => {
    const { registry } = hub.environment
    const live = await registry.tag('chains', 'live')
    const asked = { site: 'chains', leaseMs: -1, trainedBefore: null }
    const stale = (await registry.claimTraining(asked)) as TrainingClaim
    const claim = (await registry.claimTraining(asked)) as TrainingClaim
    await insert('chains', [view('other', 'i1', 9_100), view('other', 'i2', 9_101)])
    await expect(
      retrain('chains', 'test', hub.environment, { claim: stale }),
    ).rejects.toMatchObject({ code: 'superseded' })
    expect(await registry.tag('chains', 'live')).toBe(live)
    const { digest } = await retrain('chains', 'test', hub.environment, { claim })
    expect(await registry.tag('chains', 'live')).toBe(digest)
  })
})
