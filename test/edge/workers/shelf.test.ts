import { afterEach, describe, expect, it } from 'vitest'
import { readFromShelf, sendToShelf } from '#edge/releases/carry.ts'
import { sha256Hex } from '#shared/digest.ts'
import { forgetEverything, testEnv } from './pop.ts'

const pointer = { digest: 'd1', signature: 's' }
const bytes = Uint8Array.from({ length: 4_000_000 }, (_, at) => at % 251)
const shelf = () => testEnv.RELEASES.get(testEnv.RELEASES.idFromName('shelf'))

afterEach(forgetEverything)

describe('the shelf of releases', () => {
  it('gives back in pieces what came in pieces', async () => {
    await sendToShelf(shelf(), 'demo', 'd1', bytes)
    expect(await readFromShelf(shelf(), 'demo', 'd1')).toBeNull()
    expect(await shelf().put('demo', pointer, bytes.length)).toBe(true)
    const read = (await readFromShelf(shelf(), 'demo', 'd1')) as Uint8Array<ArrayBuffer>
    expect(await sha256Hex(read)).toBe(await sha256Hex(bytes))
  })

  it('puts nothing to use of which a piece is missing, nor what another has overtaken', async () => {
    await shelf().arrive('demo', 'd1', 0, bytes.slice(0, 1_500_000))
    expect(await shelf().put('demo', pointer, bytes.length)).toBe(false)
    expect(await shelf().put('demo', pointer, null)).toBe(false)
    await sendToShelf(shelf(), 'demo', 'd1', bytes)
    await sendToShelf(shelf(), 'demo', 'd2', bytes)
    expect(await shelf().put('demo', pointer, bytes.length)).toBe(false)
    expect(await shelf().state('demo')).toMatchObject({ live: null, standby: null })
    expect(await shelf().put('demo', { ...pointer, digest: 'd2' }, bytes.length)).toBe(true)
  })
})
