import { expect, test } from 'vitest'
import { BlobCorruptError, type Blobs } from '#hub/registry/blobs.ts'

/** What every adapter of the blob port keeps to. */
export interface BlobsContract {
  /** The same storage, opened again. */
  readonly open: () => Blobs | Promise<Blobs>
  /** Puts other bytes where a digest lies, past the port. */
  readonly overwrite: (digest: string, bytes: Uint8Array) => Promise<void>
  /** How many blobs there are. */
  readonly count: () => Promise<number>
}

const bytesOf = (text: string) => new TextEncoder().encode(text)
const textOf = (bytes: Uint8Array | null) => bytes && new TextDecoder().decode(bytes)
// FIPS 180-2, appendix B.1.
export const digestOfAbc = 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad'

export function blobsContract({ open, overwrite, count }: BlobsContract): void {
  test('gives back what was put, under the digest of its content, kept once', async () => {
    const before = await count()
    const blobs = await open()
    const bytes = bytesOf('abc')
    expect(await Promise.all([blobs.put(bytes), blobs.put(bytes)])).toEqual([
      digestOfAbc,
      digestOfAbc,
    ])
    expect(await blobs.put(bytes)).toBe(digestOfAbc)
    expect(textOf(await (await open()).get(digestOfAbc))).toBe('abc')
    expect(await count()).toBe(before + 1)
  })

  test('keeps a release of ten megabytes, and nothing at all, as they are', async () => {
    const blobs = await open()
    const large = Uint8Array.from({ length: 10 * 1024 * 1024 }, (_, at) => at % 251)
    for (const bytes of [large, new Uint8Array()]) {
      const found = await blobs.get(await blobs.put(bytes))
      expect(Buffer.from(found ?? [1]).equals(bytes)).toBe(true)
    }
  })

  test('answers null for a digest it has not', async () => {
    expect(await (await open()).get('0'.repeat(64))).toBeNull()
  })

  test('never hands out bytes that are not those of the digest, and heals what is short', async () => {
    const blobs = await open()
    const digest = await blobs.put(bytesOf('healthy'))
    await overwrite(digest, bytesOf('haelthy'))
    await expect(blobs.get(digest)).rejects.toBeInstanceOf(BlobCorruptError)
    await overwrite(digest, bytesOf('health'))
    await blobs.put(bytesOf('healthy'))
    expect(textOf(await blobs.get(digest))).toBe('healthy')
  })

  test.each(['', '../../secret', digestOfAbc.toUpperCase(), `${digestOfAbc}/../x`])(
    'takes %j for no digest',
    async (wrong) => {
      await expect((await open()).get(wrong)).rejects.toThrow('64 hexadecimal digits')
    },
  )
}
