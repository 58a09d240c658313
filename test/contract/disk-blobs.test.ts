import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe } from 'vitest'
import { openDiskBlobs } from '#hub/registry/disk-blobs.ts'
import { blobsContract } from './blobs-contract.ts'

describe('blobs on disk', () => {
  let directory = ''
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'shelfedge-blobs-'))
  })
  afterAll(() => rm(directory, { recursive: true, force: true }))

  blobsContract({
    open: () => openDiskBlobs(directory),
    overwrite: (digest, bytes) => writeFile(join(directory, digest.slice(0, 2), digest), bytes),
    async count() {
      const entries = await readdir(directory, { recursive: true, withFileTypes: true })
      return entries.filter((entry) => entry.isFile()).length
    },
  })
})
