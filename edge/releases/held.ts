import type { LoadedRelease } from './load.ts'

/** A loaded release and the requests that are deciding by it. */
export interface Held {
  readonly release: LoadedRelease
  holders: number
  isRetired: boolean
}

export function heldOf(release: LoadedRelease): Held {
  return { release, holders: 0, isRetired: false }
}

/** Runs `work` with a release, which stays loaded until it has ended. */
export async function holding<Result>(
  held: Held,
  work: (release: LoadedRelease) => Promise<Result>,
): Promise<Result> {
  held.holders++
  try {
    return await work(held.release)
  } finally {
    held.holders--
    if (held.isRetired && held.holders === 0) await held.release.dispose()
  }
}

/** Lets a release go when the last request that decides by it has ended. */
export async function retire(held: Held | null): Promise<void> {
  if (held === null) return
  held.isRetired = true
  if (held.holders === 0) await held.release.dispose()
}
