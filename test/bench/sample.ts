import { uniformInt } from 'pure-rand/distribution/uniformInt'
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus'

const seed = 1

/** A sample of at most `count` of a stream, each equally likely, in their order; without `count`, all of it. */
export async function sample<Each>(all: AsyncIterable<Each>, count?: number): Promise<Each[]> {
  const kept: { at: number; each: Each }[] = []
  const random = xoroshiro128plus(seed)
  let at = 0
  for await (const each of all) {
    const place = count === undefined || at < count ? at : uniformInt(random, 0, at)
    if (count === undefined || place < count) kept[place] = { at, each }
    at++
  }
  return kept.toSorted((left, right) => left.at - right.at).map(({ each }) => each)
}
