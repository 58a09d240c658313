/** Bytes of releases on disk, each under the SHA-256 of its content. */

import { createHash, randomUUID } from 'node:crypto'
import { mkdir, open, readFile, rename, rm, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'

export interface Blobs {
  /** Keeps the bytes and answers their digest in hex; on disk when it resolves. */
  put(bytes: Uint8Array): Promise<string>
  /** The bytes of a digest, checked against it; null when there are none. */
  get(digest: string): Promise<Uint8Array | null>
}

/** The bytes under a digest are not its bytes any more: the disk or somebody changed them. */
export class BlobCorruptError extends Error {
  readonly code = 'corrupt'

  constructor(digest: string) {
    super(`the bytes kept as ${digest} have another digest; restore them from a copy`)
    this.name = 'BlobCorruptError'
  }
}

export function openBlobs(directory: string): Blobs {
  return {
    async put(bytes) {
      const digest = digestOf(bytes)
      const path = pathOf(directory, digest)
      if (!(await isThere(path, bytes.length))) await write(path, bytes)
      return digest
    },
    async get(digest) {
      const bytes = await readFile(pathOf(directory, digest)).catch(ignoreMissing)
      if (bytes && digestOf(bytes) !== digest) throw new BlobCorruptError(digest)
      return bytes
    },
  }
}

function digestOf(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}

// Digests come from requests: nothing else may become a path. 256 directories keep each of them short.
function pathOf(directory: string, digest: string): string {
  if (!/^[0-9a-f]{64}$/.test(digest)) throw new Error('a digest is 64 hexadecimal digits')
  return join(directory, digest.slice(0, 2), digest)
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
