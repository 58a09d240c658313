/** Puts on disk what a library has written without syncing it. */

import { open, readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'

/** Syncs every file and directory below that was changed since a time; what vanishes meanwhile needs none. */
export async function syncDirectory(directory: string, changedSinceMs: number): Promise<void> {
  const names = ['', ...(await readdir(directory, { recursive: true }))]
  for (const name of names)
    await syncIfChanged(join(directory, name), changedSinceMs).catch(ignoreMissing)
}

// The time of a change can be a tick of the kernel's clock older than the moment it was made.
const clockTickMs = 1_000

async function syncIfChanged(path: string, changedSinceMs: number): Promise<void> {
  if ((await stat(path)).mtimeMs < changedSinceMs - clockTickMs) return
  const file = await open(path, 'r')
  try {
    await file.sync()
  } finally {
    await file.close()
  }
}

function ignoreMissing(error: NodeJS.ErrnoException): void {
  if (error.code !== 'ENOENT') throw error
}
