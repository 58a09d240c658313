import { type CanaryTerms, hasVote, isInCanary, noCounts, outcomeEvents } from '#shared/canary.ts'
import type { ShelfEvent } from '#shared/event.ts'
import { limits } from '#shared/limits.ts'

/** What one visitor's decisions came to. */
interface Vote {
  /** Epoch ms, of the first; what was done before is no outcome of it. */
  readonly decidedAtMs: number
  decisions: number
  /** Mean of them. */
  latencyMs: number
  hasFailed: boolean
  hasOutcome: boolean
}

export interface Decided {
  readonly atMs: number
  readonly latencyMs: number
  readonly hasFailed: boolean
}

/**
 * What is counted of a canary and of what is live beside it, from one vote a visitor: a few who ask and buy without end
 * weigh as much as a few who do not. Visitors go by their place, which is shorter than an id of 256 characters.
 */
export class Votes {
  readonly own = noCounts()
  readonly others = noCounts()
  readonly #terms: CanaryTerms
  readonly #votes = new Map<number, Vote>()

  constructor(terms: CanaryTerms) {
    this.#terms = terms
  }

  /** Counts a decision on the visitor at this place. */
  decided(place: number, { atMs, latencyMs, hasFailed }: Decided): void {
    const vote = this.#votes.get(place) ?? this.#newVote(place, atMs)
    if (vote === null) return
    const counts = this.#countsOf(place)
    vote.decisions++
    const change = (latencyMs - vote.latencyMs) / vote.decisions
    vote.latencyMs += change
    counts.latencyMsTotal += change
    if (!hasFailed || vote.hasFailed) return
    vote.hasFailed = true
    counts.failures++
  }

  /** Counts what a visitor did, where it is an outcome of a decision on them. */
  did(place: number, events: readonly ShelfEvent[]): void {
    const vote = this.#votes.get(place)
    if (vote === undefined || vote.hasOutcome) return
    const isOutcome = ({ event, bot, timestamp }: ShelfEvent) =>
      outcomeEvents.has(event) && !bot && timestamp > vote.decidedAtMs
    if (!events.some(isOutcome)) return
    vote.hasOutcome = true
    this.#countsOf(place).outcomes++
  }

  #newVote(place: number, decidedAtMs: number): Vote | null {
    if (!hasVote(this.#terms, place) || this.#votes.size >= limits.canaryVisitorsMax) return null
    const vote = { decidedAtMs, decisions: 0, latencyMs: 0, hasFailed: false, hasOutcome: false }
    this.#votes.set(place, vote)
    this.#countsOf(place).visitors++
    return vote
  }

  #countsOf(place: number) {
    return isInCanary(this.#terms, place) ? this.own : this.others
  }
}
