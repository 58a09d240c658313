import type { DeadLetter } from '../dead-letters/dead-letter.ts'
import { letterRow } from '../dead-letters/letter-row.ts'
import type { Reading, TracedRow } from '../read-records.ts'
import type { Erasure } from '../registry/registry.ts'
import { covers, waitingFor } from './coverage.ts'

type Row = Readonly<Record<string, unknown>>

/**
 * The orders that records in the log may still fall under, in memory, so that the consumer stores nothing
 * of the erased. What it holds is in the registry too; bounded by whoever fills it (`ordersMax` of eraser.ts).
 */
export class Erasures {
  readonly #orders = new Map<number, Erasure>()
  readonly #byVisitor = new Map<string, Set<number>>()
  readonly #storing = new Set<Promise<unknown>>()

  get size(): number {
    return this.#orders.size
  }

  /** Every order held, the oldest first. */
  all(): Erasure[] {
    return [...this.#orders.values()]
  }

  get(number: number): Erasure | undefined {
    return this.#orders.get(number)
  }

  /** Holds an order, or what is new of it. */
  set(order: Erasure): void {
    this.#orders.set(order.number, order)
    const name = nameOf(order.site, order.visitor)
    this.#byVisitor.set(name, (this.#byVisitor.get(name) ?? new Set()).add(order.number))
  }

  delete({ number, site, visitor }: Erasure): void {
    this.#orders.delete(number)
    const numbers = this.#byVisitor.get(nameOf(site, visitor))
    numbers?.delete(number)
    if (numbers?.size === 0) this.#byVisitor.delete(nameOf(site, visitor))
  }

  /** A reading without the rows and letters of visitors who were to be erased when they were made. */
  without({ rows, letters }: Reading): Reading {
    const kept = (traced: TracedRow[]) => traced.filter(({ row }) => !this.#isErased(row))
    const { events, decisions, refusals } = rows
    return {
      rows: { events: kept(events), decisions: kept(decisions), refusals: kept(refusals) },
      letters: this.lettersWithout(letters),
    }
  }

  /** Letters without those of visitors who were to be erased when they were made. */
  lettersWithout(letters: readonly DeadLetter[]): DeadLetter[] {
    return letters.filter(
      (letter) => !this.#isErased({ ...letterRow(letter), epoch: letter.batch?.epoch }),
    )
  }

  /** Runs what stores records; `settled` waits for it. */
  async storing<Result>(run: () => Promise<Result>): Promise<Result> {
    const storing = run()
    this.#storing.add(storing)
    try {
      return await storing
    } finally {
      this.#storing.delete(storing)
    }
  }

  /** Whether anything of a visitor who is to be erased may be left at a POP or in the store. */
  isOpen(
    { site, visitor }: Pick<Erasure, 'site' | 'visitor'>,
    popUrls: readonly string[],
  ): boolean {
    return this.#ordersFor(site, visitor).some((order) => waitingFor(order, popUrls).length > 0)
  }

  /** Resolves when what is being stored now is stored: it was chosen before the orders of this moment. */
  async settled(): Promise<void> {
    await Promise.allSettled([...this.#storing])
  }

  #isErased(row: Row): boolean {
    if (this.#orders.size === 0) return false
    const atMs = Date.parse(String(row.received_at ?? row.at))
    const origin = { pop: row.pop, epoch: row.epoch, atMs }
    return visitorsOf(row).some((visitor) =>
      this.#ordersFor(String(row.site), visitor).some((order) => covers(order, origin)),
    )
  }

  #ordersFor(site: string, visitor: string): Erasure[] {
    const numbers = this.#byVisitor.get(nameOf(site, visitor)) ?? []
    return Array.from(numbers).flatMap((number) => this.#orders.get(number) ?? [])
  }
}

function nameOf(site: string, visitor: string): string {
  return JSON.stringify([site, visitor])
}

/** Whose a row is: its visitor's, or of a refusal theirs who sent it. */
function visitorsOf({ visitor, visitors }: Row): readonly string[] {
  return typeof visitor === 'string' ? [visitor] : ((visitors ?? []) as readonly string[])
}
