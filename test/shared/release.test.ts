import { unzipSync, zipSync } from 'fflate'
import { describe, expect, it } from 'vitest'
import { limits } from '#shared/limits.ts'
import { checkPolicy } from '#shared/policy/check.ts'
import type { Placement } from '#shared/policy.ts'
import {
  packRelease,
  type ReleaseError,
  type ReleaseParts,
  unpackRelease,
} from '#shared/release.ts'
import { smallRelease } from '#test/support/release.ts'

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
  'model.onnx',
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
      { ...parts, model: Uint8Array.of(1) },
    ]
    const packed = await Promise.all(others.map(packRelease))
    expect(new Set(packed.map(({ digest }) => digest)).size).toBe(others.length)
  })

  it('is not packed where it is larger than a POP may take', async () => {
    const model = new Uint8Array(limits.releaseBytesMax)
    await expect(packRelease({ ...parts, model })).rejects.toMatchObject({
      code: 'release_too_large',
    })
  })
})

describe('a release of format 1', () => {
  const { placements, ...policy } = parts.policy
  const { rules: _rules, ...kept } = placements['product-page'] as Placement

  it('is read, its exclusions as filters and its cap as a rule', async () => {
    const former = { ...kept, exclude: ['current', 'unavailable', 'seen'], categoryItemsMax: 2 }
    const packed = await packRelease({
      ...parts,
      manifest: { ...parts.manifest, format: 1 },
      policy: { placements: { 'product-page': former } },
    } as unknown as ReleaseParts)
    const release = unpackRelease(packed.bytes)
    expect(release.manifest.format).toBe(2)
    expect(checkPolicy(release.policy)).toEqual([])
    expect(release.policy).toMatchObject(policy)
    expect(release.policy.placements['product-page']?.rules).toMatchObject([
      { name: 'current', keep: 'item.id != session.current' },
      { name: 'unavailable', keep: '!has(item.available) || item.available' },
      { name: 'seen', keep: '!(item.id in session.items)' },
      { name: 'category', effect: 'category-cap', itemsMax: 2 },
    ])
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
    ['another format', { manifest: { ...parts.manifest, format: 3 } }, 'manifest.format'],
    [
      'a family we do not serve',
      { manifest: { ...parts.manifest, model: { ...parts.manifest.model, family: 'gru' } } },
      'manifest.model.family',
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
