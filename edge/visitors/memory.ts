import { limits } from '#shared/limits.ts'

/** What placements remember of a visitor, by their names; the one that changed last is last. */
export type Memory = Readonly<Record<string, unknown>>

/** What a decision wants remembered, and what it was made from. */
export interface MemoryChange {
  readonly placement: string
  /** What the decision saw, as JSON. */
  readonly before: string
  readonly after: object | null
  /** What is remembered of placements that the policy has no more; absent where it is nothing. */
  readonly outOfPolicy?: readonly string[]
  /** When the clock is to decide on it, epoch ms, null for never; absent where the placement's kind asks for no such thing. */
  readonly dueAt?: number | null
}

export function readMemory(text: string | null): Memory {
  return text === null ? {} : JSON.parse(text)
}

/** What of a placement is remembered, as JSON: two of the same text are the same. */
export function memoryOf(memory: Memory, placement: string): string {
  return JSON.stringify((Object.hasOwn(memory, placement) && memory[placement]) || null)
}

/**
 * The text to keep after a change. Past the bound what the policy has no more goes first, of that what has not changed
 * for longest, and nothing else: each placement of a policy keeps to its part of the bound by itself, so that nothing
 * that still binds is forgotten for another. Only where a policy's placements become more may they pass it for a while.
 */
export function changedMemory(
  memory: Memory,
  { placement, after, outOfPolicy = [] }: MemoryChange,
): string {
  const kept = new Map(Object.entries(memory))
  kept.delete(placement)
  if (after !== null) kept.set(placement, after)
  const write = () => JSON.stringify(Object.fromEntries(kept))
  let text = write()
  for (const name of [...kept.keys()].filter((each) => outOfPolicy.includes(each))) {
    if (text.length <= limits.memoryCharactersMax) break
    kept.delete(name)
    text = write()
  }
  return text
}
