import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { highestEntries } from '#shared/highest-entries.ts'

describe('highestEntries', () => {
  it('is the head of the sorted entries above 0, equal values by number', () => {
    // Few values, so that many are equal.
    const anyValues = fc.array(fc.nat(5), { maxLength: 60 })
    fc.assert(
      fc.property(anyValues, fc.nat(70), (values, countMax) => {
        const entries = [...values.keys()].reverse()
        const sorted = [...values.keys()]
          .filter((entry) => (values[entry] as number) > 0)
          .sort((a, b) => (values[b] as number) - (values[a] as number) || a - b)
        const found = highestEntries(Float32Array.from(values), entries, countMax)
        expect(found).toEqual(sorted.slice(0, countMax))
      }),
    )
  })

  it('names no entry that was not asked about', () => {
    expect(highestEntries(Float32Array.of(3, 2, 1), [2, 1], 5)).toEqual([1, 2])
  })
})
