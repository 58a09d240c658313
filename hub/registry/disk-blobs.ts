import { randomUUID } from 'node:crypto'
import { mkdir, open, readFile, rename, rm, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { type Blobs, checked, digestOf, placeOf } from './blobs.ts'

/** Blobs on disk. */
export function openDiskBlobs(directory: string): Blobs {
  return {
    async put(bytes) {
      const digest = digestOf(bytes)
      const path = pathOf(directory, digest)
      if (!(await isThere(path, bytes.length))) await write(path, bytes)
      return digest
    },
    async get(digest) {
      const bytes = await readFile(pathOf(directory, digest)).catch(ignoreMissing)
      return bytes && checked(digest, bytes)
    },
  }
}

function pathOf(directory: string, digest: string): string {
  return join(directory, ...placeOf(digest))
}

async function isThere(path: string, length: number): Promise<boolean> {
  return (await stat(path).catch(ignoreMissing))?.size === length
}

/** Synced under another name and then renamed: a name is there whole or not at all. */
async function write(path: string, bytes: Uint8Array): Promise<void> {
  await mkdir(dirname(path), { recursive: true })
  const temporary = `${path}.${randomUUID()}.temporary`
  try {
    await withFile(temporary, 'wx', async (file) => {
      await file.writeFile(bytes)
      await file.sync()
    })
    await rename(temporary, path)
  } catch (error) {
    await rm(temporary, { force: true })
    throw error
  }
  // The rename is an entry of the directory, and an entry lasts when its directory is synced.
  for (const parent of [dirname(path), dirname(dirname(path))])
    await withFile(parent, 'r', (file) => file.sync())
}

type File = Awaited<ReturnType<typeof open>>

async function withFile(
  path: string,
  flags: string,
  use: (file: File) => Promise<void>,
): Promise<void> {
  const file = await open(path, flags)
  try {
    await use(file)
  } finally {
    await file.close()
  }
}

function ignoreMissing(error: NodeJS.ErrnoException): null {
  if (error.code === 'ENOENT') return null
  throw error
}
