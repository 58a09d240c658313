import { unzipSync, zipSync } from 'fflate'
import { describe, expect, it } from 'vitest'
import type { ItemsPlacement } from '#shared/kinds/items.ts'
import { limits } from '#shared/limits.ts'
import { checkPolicy } from '#shared/policy/check.ts'
import {
  packRelease,
  type ReleaseError,
  type ReleaseParts,
  unpackRelease,
} from '#shared/release.ts'
import { smallRelease, tabularModel } from '#test/support/release.ts'

const parts = smallRelease({
  sessions: [
    [0, 1, 2],
    [1, 2],
  ],
  itemsTotal: 3,
})
const partNames = [
  'manifest.json',
  'policy.json',
  'catalogue.json',
  'popularity.json',
  'models/session-knn.onnx',
]

async function filesOf(release: ReleaseParts): Promise<Record<string, Uint8Array>> {
  return unzipSync((await packRelease(release)).bytes)
}

function refusalOf(bytes: Uint8Array): Pick<ReleaseError, 'code' | 'message'> {
  try {
    unpackRelease(bytes)
  } catch (cause) {
    return cause as ReleaseError
  }
  throw new Error('it was unpacked')
}

describe('a release', () => {
  it('comes out as it went in', async () => {
    const { bytes } = await packRelease(parts)
    expect(unpackRelease(bytes)).toEqual(parts)
  })

  it('is not copied where it is unpacked: its models go on lying in its bytes', async () => {
    const { bytes } = await packRelease(parts)
    expect(unpackRelease(bytes).models['session-knn']?.buffer).toBe(bytes.buffer)
  })

  it('has one digest: the same parts give the same bytes', async () => {
    const [first, second] = [await packRelease(parts), await packRelease(structuredClone(parts))]
    expect(second).toEqual(first)
    expect(first.digest).toMatch(/^[0-9a-f]{64}$/)
  })

  it('has another digest with another policy, catalogue or model', async () => {
    const others: ReleaseParts[] = [
      parts,
      { ...parts, policy: { ...parts.policy, placements: {} } },
      { ...parts, catalogue: { items: [] } },
      { ...parts, models: { 'session-knn': Uint8Array.of(1) } },
    ]
    const packed = await Promise.all(others.map(packRelease))
    expect(new Set(packed.map(({ digest }) => digest)).size).toBe(others.length)
  })

  it('is not packed where it is larger than a POP may take', async () => {
    const models = { 'session-knn': new Uint8Array(limits.releaseBytesMax) }
    await expect(packRelease({ ...parts, models })).rejects.toMatchObject({
      code: 'release_too_large',
    })
  })
})

describe('a release with more models than one', () => {
  const views = tabularModel([{ name: 'views', from: 'session.views' }])
  const manifest = {
    ...parts.manifest,
    models: { ...parts.manifest.models, 'will-buy': views, churn: views },
  }
  const models = { ...parts.models, churn: Uint8Array.of(3), 'will-buy': Uint8Array.of(2) }
  const { placements } = parts.policy
  const asking = (model: string) => ({
    ...parts.policy,
    placements: {
      ...placements,
      review: { ...(placements['product-page'] as ItemsPlacement), model },
    },
  })

  it('comes out as it went in, whatever the order in which they were put', async () => {
    const reversed = Object.fromEntries(Object.entries(models).reverse())
    const packed = await packRelease({ ...parts, manifest, models })
    const other = await packRelease({ ...parts, manifest, models: reversed })
    expect(other.digest).toBe(packed.digest)
    const release = unpackRelease(packed.bytes)
    expect(release).toEqual({ ...parts, manifest, models })
  })

  it.each(['will-buy', 'churn', 'session-knn', 'popularity'])(
    'has a placement that names %s',
    async (model) => {
      const { bytes } = await packRelease({ ...parts, manifest, models, policy: asking(model) })
      expect(unpackRelease(bytes).policy.placements.review?.model).toBe(model)
    },
  )

  it('is refused where a placement names another', async () => {
    const packed = await packRelease({ ...parts, manifest, models, policy: asking('fraud') })
    expect(refusalOf(packed.bytes)).toMatchObject({
      code: 'release_unreadable',
      message:
        'policy.placements.review.model: there is no fraud; the models are session-knn, will-buy, churn, popularity',
    })
  })

  it.each([
    ['a file that is missing', { churn: Uint8Array.of(3) }, 'models/will-buy.onnx'],
    ['a file nobody declared', { ...models, other: Uint8Array.of(4) }, 'models/other.onnx'],
  ])('is refused with %s', async (_what, found, named) => {
    const packed = await packRelease({ ...parts, manifest, models: { ...parts.models, ...found } })
    expect(refusalOf(packed.bytes).message).toContain(named)
  })
})

/** A release in the format of earlier: one model, `model.onnx`. */
async function former(format: 1 | 2, policy: unknown): Promise<Uint8Array> {
  const { models, ...kept } = parts.manifest
  const manifest = { ...kept, format, model: models['session-knn'] }
  const files = await filesOf(parts)
  const { 'models/session-knn.onnx': model, ...rest } = files
  const text = (json: unknown) => new TextEncoder().encode(JSON.stringify(json))
  return zipSync({
    ...{ ...rest, 'manifest.json': text(manifest), 'policy.json': text(policy) },
    'model.onnx': model as Uint8Array,
  })
}

describe('a release of an earlier format', () => {
  const { placements, ...policy } = parts.policy
  const { rules: _rules, ...kept } = placements['product-page'] as ItemsPlacement

  it('2 is read, its one model under the name that placements call it', async () => {
    expect(unpackRelease(await former(2, parts.policy))).toEqual(parts)
  })

  it('1 is read, its exclusions as filters and its cap as a rule', async () => {
    const excluding = { ...kept, exclude: ['current', 'unavailable', 'seen'], categoryItemsMax: 2 }
    const release = unpackRelease(await former(1, { placements: { 'product-page': excluding } }))
    expect(release.manifest).toEqual(parts.manifest)
    expect(release.models).toEqual(parts.models)
    expect(checkPolicy(release.policy)).toEqual([])
    expect(release.policy).toMatchObject(policy)
    const rules = [
      { name: 'current', keep: 'item.id != session.current' },
      { name: 'unavailable', keep: '!has(item.available) || item.available' },
      { name: 'seen', keep: '!(item.id in session.items)' },
      { name: 'category', effect: 'category-cap', itemsMax: 2 },
    ]
    expect(release.policy.placements['product-page']).toMatchObject({ rules })
  })
})

describe('bytes that are no release are refused with what is wrong', () => {
  it('nothing at all', () => {
    expect(refusalOf(new Uint8Array())).toMatchObject({
      code: 'release_unreadable',
      message: expect.stringContaining('not a ZIP file'),
    })
  })

  it('text', () => {
    expect(refusalOf(new TextEncoder().encode('<html>')).message).toContain('not a ZIP file')
  })

  it('a file cut off, wherever it is cut', async () => {
    const { bytes } = await packRelease(parts)
    for (const share of [0.1, 0.5, 0.9, 0.999]) {
      const cut = bytes.slice(0, Math.floor(bytes.length * share))
      expect(refusalOf(cut).code).toBe('release_unreadable')
    }
  })

  it.each(partNames)('a release without %s', async (name) => {
    const { [name]: _gone, ...rest } = await filesOf(parts)
    expect(refusalOf(zipSync(rest))).toMatchObject({
      code: 'release_unreadable',
      message: expect.stringContaining(name),
    })
  })

  it.each(partNames.slice(0, 4))('a release whose %s is not JSON', async (name) => {
    const files = { ...(await filesOf(parts)), [name]: new TextEncoder().encode('{') }
    expect(refusalOf(zipSync(files)).message).toContain(`${name} is not JSON`)
  })

  it.each([
    ['another format', { manifest: { ...parts.manifest, format: 4 } }, 'manifest.format'],
    [
      'a family we do not serve',
      { manifest: { ...parts.manifest, models: { 'session-knn': { family: 'gru' } } } },
      'manifest.models.session-knn.family',
    ],
    [
      'a model called as the list that every release has',
      { manifest: { ...parts.manifest, models: { popularity: tabularModel([]) } } },
      'manifest.models.popularity',
    ],
    [
      'a feature that cannot be',
      {
        manifest: {
          ...parts.manifest,
          models: { 'will-buy': tabularModel([{ name: 'x', from: 'session.mood' }]) },
        },
      },
      'manifest.models.will-buy.features.0.from: of session there are events, views',
    ],
    ['a placement of no kind', { policy: { placements: { home: {} } } }, 'policy.placements.home'],
    ['an item without an id', { catalogue: { items: [{}] } }, 'catalogue.items.0.id'],
    ['popularity that is no list', { popularity: 'boots' }, 'popularity'],
  ])('a release with %s', async (_what, change, path) => {
    const { bytes } = await packRelease({ ...parts, ...change } as unknown as ReleaseParts)
    expect(refusalOf(bytes)).toMatchObject({
      code: 'release_unreadable',
      message: expect.stringContaining(path),
    })
  })
})
