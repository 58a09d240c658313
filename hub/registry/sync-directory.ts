/** Puts on disk what a library has written without syncing it. */

import { open, readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'

// The time of a change can be a tick of the kernel's clock older than the moment it was made.
const clockTickMs = 50

/** Syncs every file and directory below that was changed since a time; what vanishes meanwhile needs none. */
export async function syncDirectory(directory: string, changedSinceMs: number): Promise<void> {
  const names = ['', ...(await readdir(directory, { recursive: true }))]
  const paths = names.map((name) => join(directory, name))
  const changes = await Promise.all(paths.map((path) => stat(path).catch(ignoreMissing)))
  const changed = paths.filter(
    (_, index) => (changes[index]?.mtimeMs ?? 0) >= changedSinceMs - clockTickMs,
  )
  for (const path of changed) await syncFile(path).catch(ignoreMissing)
}

async function syncFile(path: string): Promise<void> {
  const file = await open(path, 'r')
  try {
    await file.sync()
  } finally {
    await file.close()
  }
}

function ignoreMissing(error: NodeJS.ErrnoException): null {
  if (error.code === 'ENOENT') return null
  throw error
}
