import fc from 'fast-check'
import * as ort from 'onnxruntime-web/wasm'
import { uniformInt } from 'pure-rand/distribution/uniformInt'
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus'
import { describe, expect, it } from 'vitest'
import { type SegmentsLearning, trainSegmentRows } from '#hub/training/learned/train-segments.ts'
import { adjustedRand, matchSegments } from '#models/segments/compare.ts'
import { describeSegments } from '#models/segments/describe.ts'
import { buildSegmentsModel } from '#models/segments/graph.ts'
import { assign, meanSilhouette, type SegmentRows, trainSegments } from '#models/segments/train.ts'
import { scaledRow, segmentOf, segmentsFromModel } from '#shared/tabular/segments.ts'

ort.env.wasm.numThreads = 1

const columns = 3
const settings = { segmentsMin: 2, segmentsMax: 6, seed: 1 }

/** Visitors of three kinds by turns: who looks, who buys a little, who buys much. Only the first two columns tell. */
function visitors(count: number, seed: number): SegmentRows {
  const random = xoroshiro128plus(seed)
  const around = (value: number) => value * (1 + uniformInt(random, -20, 20) / 100)
  const rows = Array.from({ length: count }, (_, at) => {
    const [views, spend] = [
      [30, 0],
      [5, 40],
      [8, 2_000],
    ][at % 3] as [number, number]
    return [around(views), around(spend), 7]
  })
  return { columns, rows: Float32Array.from(rows.flat()) }
}

const all = visitors(300, 1)
const kinds = Array.from({ length: 300 }, (_, at) => at % 3)
const trained = trainSegments(all, settings)
if (trained === null) throw new Error('nothing was learned')
const names = ['views', 'spend', 'always']

describe('segments', () => {
  it('are as many as there are, and of those who belong together', () => {
    expect(trained.model.centroids.length / columns).toBe(3)
    expect(trained.silhouette).toBe(Math.max(...trained.silhouettes.values()))
    expect(adjustedRand(assign(trained.model, all), kinds)).toBe(1)
    // What is the same of everybody parts nobody.
    expect(trained.model.scales[2]).toBe(0)
    expect(trainSegments(all, settings)).toEqual(trained)
  })

  it('are told by what sets them apart', () => {
    const { segments } = describeSegments(trained.model, all, names, null)
    expect(segments.map(({ name }) => name).toSorted()).toEqual([
      'high-spend',
      'high-views-low-spend',
      'typical',
    ])
    expect(segments.map(({ says }) => says).join()).toMatch(/33 % of visitors: spend 2\d+ \(of all/)
  })

  it('keep their names and numbers where the same visitors are in them', () => {
    const first = describeSegments(trained.model, all, names, null)
    const before = {
      model: first.model,
      segments: first.segments.map((each, at) => ({ ...each, name: `mine ${at}` })),
    }
    const later = visitors(600, 9)
    const again = trainSegments(later, { ...settings, seed: 5 })
    if (again === null) throw new Error('nothing was learned')
    const second = describeSegments(again.model, later, names, before)
    expect(second.segments.map(({ name }) => name)).toEqual(['mine 0', 'mine 1', 'mine 2'])
    expect(adjustedRand(assign(second.model, later), assign(before.model, later))).toBe(1)
    expect([...assign(second.model, later)]).toEqual([...assign(before.model, later)])
  })

  it('of somebody else get a name of their own', () => {
    expect(matchSegments([0, 0, 0, 1, 1, 1], [1, 1, 1, 0, 2, 2], 2)).toEqual([1, 2])
    expect(matchSegments([0, 0, 0, 0, 1, 1], [0, 1, 2, 3, 4, 4], 2)).toEqual([-1, 4])
  })

  it('change within a session, with what is done', () => {
    const looking = segmentOf(trained.model, [30, 0, 7])
    const bought = segmentOf(trained.model, [31, 1_900, 7])
    expect(bought).not.toBe(looking)
    expect(segmentOf(trained.model, [8, 2_000, 7])).toBe(bought)
  })
})

describe('a model of segments', () => {
  const anyRow = fc.array(
    fc.oneof(
      fc.float({ noNaN: true, noDefaultInfinity: true }),
      fc.integer({ min: -5, max: 3_000 }),
    ),
    { minLength: columns, maxLength: columns },
  )

  it('says the same in WebAssembly, but of who stands between two', async () => {
    const bytes = buildSegmentsModel(trained.model)
    const session = await ort.InferenceSession.create(bytes)
    expect(segmentsFromModel(bytes)).toEqual(trained.model)
    await fc.assert(
      fc.asyncProperty(anyRow, async (drawn) => {
        const row = Float32Array.from(drawn)
        const features = new ort.Tensor('float32', row, [1, columns])
        const { score } = await session.run({ features })
        const said = score?.data[0] as number
        const own = segmentOf(trained.model, row)
        const z = scaledRow(trained.model, row)
        const distance = (segment: number) =>
          z.reduce((sum, value, at) => {
            return sum + (value - (trained.model.centroids[segment * columns + at] as number)) ** 2
          }, 0)
        expect(Math.abs(distance(said) - distance(own))).toBeLessThan(1e-4)
      }),
      { numRuns: 100, seed: 1 },
    )
    await session.release()
  })

  it('comes back from no other file', () => {
    expect(() => segmentsFromModel(new Uint8Array())).toThrow('not a model of segments')
  })
})

describe('what is measured of segments', () => {
  it('is 1 where two say the same under other names, and about 0 by chance', () => {
    const other = kinds.map((kind) => (kind + 1) % 3)
    expect(adjustedRand(kinds, other)).toBe(1)
    const random = xoroshiro128plus(1)
    const drawn = kinds.map(() => uniformInt(random, 0, 2))
    expect(Math.abs(adjustedRand(kinds, drawn))).toBeLessThan(0.05)
    // Hubert and Arabie's own arithmetic on a table that is easily done by hand.
    expect(adjustedRand([0, 0, 1, 1], [0, 0, 0, 1])).toBeCloseTo(0, 9)
  })

  it('is how much nearer each is to its own than to the next', () => {
    const points = [[0], [1], [10], [11]]
    const near = (9.5 + 10.5) / 2
    const each = [(10.5 - 1) / 10.5, (9.5 - 1) / 9.5]
    expect(near).toBe(10)
    expect(meanSilhouette(points, [0, 0, 1, 1])).toBeCloseTo(
      (each[0] as number) / 2 + (each[1] as number) / 2,
      9,
    )
    expect(meanSilhouette(points, [0, 0, 0, 0])).toBe(0)
  })
})

describe('learning segments', () => {
  const learning: SegmentsLearning = {
    ...{ learns: 'segments', after: ['Product Viewed'], segmentsMin: 2, segmentsMax: 6 },
    features: names.map((name) => ({ name, from: `event.${name}`, type: 'number', imputed: 0 })),
  }

  it('says how well they are parted, how they held, and what they are', () => {
    const first = trainSegmentRows(all, learning, null)
    expect(first).toMatchObject({ outcome: 'learned', figures: { rows: 300, segments: 3 } })
    expect(first.reason).toMatch(/^the silhouette of 3 segments is 0\.\d+; .+ % of visitors: /)
    const live = { bytes: first.bytes as Uint8Array, segments: first.segments ?? [] }
    const second = trainSegmentRows(visitors(240, 4), learning, live)
    expect(second.figures).toMatchObject({ adjustedRand: 1, segmentsKept: 3 })
  })

  it('finds none where there are too few visitors, where all are alike, or all are more or less', () => {
    expect(trainSegmentRows(visitors(90, 1), learning, null)).toMatchObject({
      outcome: 'too_little',
      reason: '90 visitors, 100 are needed',
    })
    const alike = { columns, rows: new Float32Array(columns * 200).fill(3) }
    expect(trainSegmentRows(alike, learning, null).outcome).toBe('too_little')
    const random = xoroshiro128plus(3)
    // Many small chances add up: bells in six directions, and nothing between them.
    const bell = () =>
      Array.from({ length: 12 }, () => uniformInt(random, 0, 100)).reduce((a, b) => a + b)
    const haze = {
      columns: 6,
      rows: Float32Array.from({ length: 6 * 400 }, () => Math.exp(bell() / 100)),
    }
    expect(trainSegmentRows(haze, learning, null)).toMatchObject({
      outcome: 'not_better',
      reason: expect.stringContaining('there are no groups'),
    })
  })
})
