import type { ScoredItem } from '#shared/decide.ts'
import { interactionEvents, type ShelfEvent } from '#shared/event.ts'

const itemsMax = 1_000

/**
 * Items this isolate has seen looked at, a site: what answers before the first release.
 *
 * At the bound every count is halved and the ones are dropped, so that what was popular fades.
 */
export class LivePopularity {
  readonly #sites = new Map<string, Map<string, number>>()

  /** Counts the interactions of accepted events. Sites come from the settings, so they are few. */
  count(site: string, events: readonly ShelfEvent[]): void {
    const counts = this.#sites.get(site) ?? new Map<string, number>()
    this.#sites.set(site, counts)
    for (const event of events) {
      if (event.bot || !interactionEvents.includes(event.event)) continue
      for (const item of event.items) counts.set(item, (counts.get(item) ?? 0) + 1)
    }
    while (counts.size > itemsMax) halve(counts)
  }

  /** The most popular first; the score is the share of the counted views. */
  top(site: string, limit: number): ScoredItem[] {
    const counts = [...(this.#sites.get(site) ?? [])]
    const total = counts.reduce((sum, [, count]) => sum + count, 0)
    return counts
      .sort(([, left], [, right]) => right - left)
      .slice(0, limit)
      .map(([id, count]) => ({ id, score: count / total }))
  }
}

function halve(counts: Map<string, number>): void {
  for (const [item, count] of counts) {
    if (count <= 1) counts.delete(item)
    else counts.set(item, count / 2)
  }
}
