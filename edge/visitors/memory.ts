import { limits } from '#shared/limits.ts'

/** What placements remember of a visitor, by their names; the one that changed last is last. */
export type Memory = Readonly<Record<string, unknown>>

/** What a decision wants remembered, and what it was made from. */
export interface MemoryChange {
  readonly placement: string
  /** What the decision saw, as JSON. */
  readonly before: string
  readonly after: object | null
}

export function readMemory(text: string | null): Memory {
  return text === null ? {} : JSON.parse(text)
}

/** What of a placement is remembered, as JSON: two of the same text are the same. */
export function memoryOf(memory: Memory, placement: string): string {
  return JSON.stringify((Object.hasOwn(memory, placement) && memory[placement]) || null)
}

/** The text to keep after a change, within its bound: what has not changed for longest goes first. */
export function changedMemory(memory: Memory, { placement, after }: MemoryChange): string {
  const others = Object.entries(memory).filter(([name]) => name !== placement)
  const kept = after === null ? others : [...others, [placement, after] as const]
  for (let from = 0; from < kept.length; from++) {
    const text = JSON.stringify(Object.fromEntries(kept.slice(from)))
    if (text.length <= limits.memoryCharactersMax) return text
  }
  return '{}'
}
