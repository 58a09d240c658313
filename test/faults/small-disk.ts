import { execFile } from 'node:child_process'
import { mkdtemp, open, rm, statfs } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)
const blockBytes = 1024 * 1024

/** A file system of its own, small enough to be filled. */
export interface SmallDisk {
  readonly directory: string
  /** Takes every byte that is free. */
  fill(): Promise<void>
  /** Gives back what was taken. */
  free(): Promise<void>
  remove(): Promise<void>
}

/** Why no file system can be mounted here; null where one can. */
export async function mountingMissing(): Promise<string | null> {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return 'only root on Linux mounts'
  const disk = await mountSmallDisk(1).catch(() => null)
  await disk?.remove()
  return disk === null ? 'this machine lets nobody mount a file system' : null
}

/** Mounts a file system in memory. */
export async function mountSmallDisk(sizeMb: number): Promise<SmallDisk> {
  const directory = await mkdtemp(join(tmpdir(), 'shelfedge-disk-'))
  await run('mount', ['-t', 'tmpfs', '-o', `size=${sizeMb}m`, 'tmpfs', directory]).catch(
    async (cause) => {
      await rm(directory, { recursive: true })
      throw cause
    },
  )
  const ballast = join(directory, 'ballast')
  return {
    directory,
    async fill() {
      const file = await open(ballast, 'a')
      try {
        for (let free = await freeBytes(directory); free > 0; free = await freeBytes(directory))
          await file.write(new Uint8Array(Math.min(free, blockBytes)))
      } catch (cause) {
        if ((cause as NodeJS.ErrnoException).code !== 'ENOSPC') throw cause
      } finally {
        await file.close()
      }
    },
    free: () => rm(ballast, { force: true }),
    async remove() {
      // Lazily: the process that was killed last may hold a file for a moment longer.
      await run('umount', ['--lazy', directory])
      await rm(directory, { recursive: true })
    },
  }
}

async function freeBytes(directory: string): Promise<number> {
  const { bavail, bsize } = await statfs(directory)
  return bavail * bsize
}
