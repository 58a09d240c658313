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
