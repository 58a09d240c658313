import type { CompiledPlacement } from '#shared/policy/compile.ts'
import { type Remembered, readRemembered } from '#shared/stream/remembered.ts'
import type { LoadedRelease } from './releases/load.ts'
import { type Memory, memoryOf } from './visitors/memory.ts'

/** What a placement remembers of a visitor: what its kind does, and beside it the stream that its model reads. */
export interface PlacementMemory extends Remembered {
  /** All of it as JSON: what a commit is to find unchanged. */
  readonly before: string
  readonly isStream: boolean
}

export function placementMemoryOf(
  memory: Memory,
  name: string,
  { placement }: CompiledPlacement,
  release: LoadedRelease | null,
): PlacementMemory {
  const before = memoryOf(memory, name)
  const isStream = release?.models.get(placement.model ?? '')?.answers === 'stream'
  const kept = JSON.parse(before)
  return { before, isStream, ...(isStream ? readRemembered(kept) : { stream: null, kind: kept }) }
}
