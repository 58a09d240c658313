import type { ShelfRecord } from '#shared/contract.ts'
import { limits } from '#shared/limits.ts'

const utf8 = new TextEncoder()

/** The JSON of a run of records, and its size. */
export interface RecordsText {
  readonly json: string
  readonly bytes: number
}

/**
 * Splits the records of one request into JSON lists that each fit a row of the outbox. A body of
 * 500 kB can grow: `1e20` is written as 21 digits.
 */
export function splitRecords(records: readonly ShelfRecord[]): RecordsText[] {
  const lists: { texts: string[]; bytes: number }[] = []
  for (const record of records) {
    const text = JSON.stringify(record)
    const bytes = utf8.encode(text).length
    const last = lists.at(-1)
    if (last && last.bytes + bytes <= limits.outboxRowBytesMax) {
      last.texts.push(text)
      last.bytes += bytes
    } else lists.push({ texts: [text], bytes })
  }
  return lists.map(({ texts, bytes }) => ({ json: `[${texts.join(',')}]`, bytes }))
}
