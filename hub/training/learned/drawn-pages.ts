import { StoreError } from '../../store/store.ts'
import { learningBounds } from './bounds.ts'

/** Who is read from the store is drawn by a hash: each has a place on a wheel of this many, and a page is a part of it. */
export const wheel = 1_000_000

/** Ends of a page, the second not in it. */
export interface Page {
  readonly from: number
  readonly end: number
}

/** Pages of about `rowsPerPage` of all that is read, which is a fair share of it where it is more than `rowsMax` rows. */
export function drawnPages(rows: number, rowsMax: number, rowsPerPage: number): Page[] {
  const share = Math.min(1, rowsMax / Math.max(1, rows))
  const total = Math.ceil((share * rows) / rowsPerPage)
  const edge = (page: number) => Math.round((page / total) * share * wheel)
  return Array.from({ length: total }, (_, page) => ({ from: edge(page), end: edge(page + 1) }))
}

/**
 * What `read` has of each page, one after the other. One that is too much to read at once is read in halves, and these
 * again (`pageHalvingsMax`); what still is in a part this small is left out. Throws whatever else `read` throws.
 */
export async function* readPages<Read>(
  pages: readonly Page[],
  read: (page: Page) => Promise<Read>,
  halvings: number = learningBounds.pageHalvingsMax,
): AsyncGenerator<Read> {
  for (const { from, end } of pages) {
    const found = await read({ from, end }).catch(orTooMuch)
    if (found !== tooMuch) {
      yield found
    } else if (halvings > 0) {
      const middle = Math.floor((from + end) / 2)
      const halves = [
        { from, end: middle },
        { from: middle, end },
      ]
      yield* readPages(halves, read, halvings - 1)
    }
  }
}

const tooMuch = Symbol('too much')

function orTooMuch(cause: unknown): typeof tooMuch {
  if (cause instanceof StoreError && cause.code === 'refused') return tooMuch
  throw cause
}
