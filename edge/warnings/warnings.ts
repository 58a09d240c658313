import { cut } from '#shared/given.ts'
import { limits } from '#shared/limits.ts'

/** What was taken though a part of it means nothing here; the codes are labels of a counter, so they are few. */
export const warningCodes = [
  /** A name that nothing here reads; what stands under it was left out. */
  'unknown_field',
  /** A declared field whose value is of another type: to rules it is missing. */
  'wrong_type',
  /** An event about an item that names none: it teaches nothing. */
  'no_item',
  /** An order without a sum: it counts as 0. */
  'no_total',
] as const
export type WarningCode = (typeof warningCodes)[number]

/** Nothing was refused; the sentence is for whoever wrote the request. */
export interface Warning {
  readonly code: WarningCode
  readonly detail: string
}

/** The warnings of one answer: the first of each code and field, and no more than somebody reads. */
export class Warnings {
  readonly #told = new Map<string, Warning>()

  get isFull(): boolean {
    return this.#told.size >= limits.warningsMax
  }

  get list(): readonly Warning[] {
    return [...this.#told.values()]
  }

  /** The sentence is made only where it is told. */
  add(code: WarningCode, field: string, detail: () => string): void {
    const key = `${code} ${cut(field)}`
    if (this.isFull || this.#told.has(key)) return
    this.#told.set(key, { code, detail: detail() })
  }
}
