import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { BlobCorruptError, openBlobs } from '#hub/registry/blobs.ts'

let directory = ''
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'shelfedge-blobs-'))
})
afterEach(() => rm(directory, { recursive: true, force: true }))

const bytes = new TextEncoder().encode('abc')
// FIPS 180-2, appendix B.1.
const digest = 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad'
const filesOf = async () =>
  (await readdir(directory, { recursive: true, withFileTypes: true })).filter((entry) =>
    entry.isFile(),
  )

test('gives back what was put, under the digest of its content, kept once', async () => {
  const blobs = openBlobs(directory)
  const digests = await Promise.all([blobs.put(bytes), blobs.put(bytes)])
  expect(digests).toEqual([digest, digest])
  expect(await blobs.put(bytes)).toBe(digest)
  expect(Buffer.from((await openBlobs(directory).get(digest)) ?? []).toString()).toBe('abc')
  expect((await filesOf()).map((file) => file.name)).toEqual([digest])
})

test('answers null for a digest it has not', async () => {
  expect(await openBlobs(directory).get('0'.repeat(64))).toBeNull()
})

test('never hands out bytes that are not those of the digest, and heals what is short', async () => {
  const blobs = openBlobs(directory)
  await blobs.put(bytes)
  const [file] = await filesOf()
  const path = join(file?.parentPath ?? '', file?.name ?? '')
  await writeFile(path, 'abd')
  await expect(blobs.get(digest)).rejects.toBeInstanceOf(BlobCorruptError)
  await writeFile(path, 'ab')
  await blobs.put(bytes)
  expect(await readFile(path, 'utf8')).toBe('abc')
})

test.each(['', '../../secret', digest.toUpperCase(), `${digest}/../x`])(
  'takes %j for no digest',
  async (wrong) => {
    await expect(openBlobs(directory).get(wrong)).rejects.toThrow('64 hexadecimal digits')
  },
)
