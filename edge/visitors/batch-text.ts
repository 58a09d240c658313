import type { RecordBatch } from '#shared/contract.ts'

/** The JSON of a batch. The records are JSON already: they are put in as text, and not read and written again. */
export function batchText(identity: Omit<RecordBatch, 'records'>, recordsJson: string): string {
  const { site, visitor, epoch, sequence } = identity
  return `${beginOf(site, visitor)}"epoch":${epoch},"sequence":${sequence},"records":${recordsJson}}`
}

/** How every batch of a visitor begins: found by SQL without reading the JSON behind it. */
export function beginOf(site: string, visitor: string): string {
  return `${JSON.stringify({ site, visitor }).slice(0, -1)},`
}
