import { limits } from '#shared/limits.ts'
import type { KeptVisitor } from './visitors/view.ts'

/**
 * What this isolate was last told of visitors by their owners. A decision that is made from it saves the way to look;
 * the commit says whether it was still so. Its memory is bounded by number, size and age.
 */
export class KnownVisitors {
  readonly #known = new Map<string, { readonly kept: KeptVisitor; readonly at: number }>()

  get(site: string, visitor: string, now: number): KeptVisitor | null {
    const known = this.#known.get(keyOf(site, visitor))
    return known && now - known.at < limits.knownVisitorMsMax ? known.kept : null
  }

  keep(site: string, visitor: string, kept: KeptVisitor, now: number): void {
    this.forget(site, visitor)
    if (charactersOf(kept) > limits.knownVisitorCharactersMax) return
    this.#known.set(keyOf(site, visitor), { kept, at: now })
    for (const [key, { at }] of this.#known) {
      const isPast = now - at >= limits.knownVisitorMsMax
      if (!isPast && this.#known.size <= limits.knownVisitorsMax) break
      this.#known.delete(key)
    }
  }

  forget(site: string, visitor: string): void {
    this.#known.delete(keyOf(site, visitor))
  }
}

function charactersOf({ session, totals, memory }: KeptVisitor): number {
  return (session?.length ?? 0) + (totals?.length ?? 0) + (memory?.length ?? 0)
}

function keyOf(site: string, visitor: string): string {
  return JSON.stringify([site, visitor])
}
