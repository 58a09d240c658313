import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { objectNameOf, objectNamesOf } from '#edge/visitors/mapping.ts'

const visitor = fc.string({ minLength: 1 })

describe("the owner of a visitor's state", () => {
  it('is always the same one', () => {
    fc.assert(
      fc.property(visitor, fc.nat(256), (name, shards) => {
        expect(objectNameOf('demo', name, shards)).toBe(objectNameOf('demo', name, shards))
      }),
    )
  })

  it('is never shared by two sites, with shards or without', () => {
    fc.assert(
      fc.property(visitor, visitor, fc.nat(256), (left, right, shards) => {
        expect(objectNameOf('demo', left, shards)).not.toBe(objectNameOf('other', right, shards))
      }),
    )
  })

  it('is one of as many as there are shards, and each of them is used', () => {
    const names = Array.from({ length: 400 }, (_, at) => objectNameOf('demo', `a:${at}`, 4))
    expect(new Set(names)).toEqual(new Set(['demo/#0', 'demo/#1', 'demo/#2', 'demo/#3']))
  })

  it('is among those a site has, where these can be listed', () => {
    const names = Array.from({ length: 400 }, (_, at) => objectNameOf('demo', `a:${at}`, 4))
    expect(new Set(names)).toEqual(new Set(objectNamesOf('demo', 4)))
    expect(objectNamesOf('demo', 0)).toEqual([])
  })

  it('is an object of its own without shards', () => {
    expect(objectNameOf('demo', 'a:1', 0)).not.toBe(objectNameOf('demo', 'a:2', 0))
  })
})
