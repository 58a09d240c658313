import { readFileSync } from 'node:fs'
import { parse } from 'csv-parse/sync'

export interface Payment {
  /** As the file has them, `label` among them. */
  readonly columns: Readonly<Record<string, string>>
  readonly isFraud: boolean
}

/** Reads labelled payments: CSV with a header, `label` is 1 where it was fraud. */
export function readPayments(file: string): Payment[] {
  const rows: Record<string, string>[] = parse(readFileSync(file), { columns: true })
  return rows.map((columns) => ({ columns, isFraud: columns.label === '1' }))
}

/** What a shop sends of a payment: numbers as numbers, and nothing of what came of it. */
export function propertiesOf({ columns }: Payment): Record<string, number | string> {
  const { label: _label, ...sent } = columns
  return Object.fromEntries(
    Object.entries(sent).map(([name, text]) => {
      const number = Number(text)
      return [name, text === '' || Number.isNaN(number) ? text : number]
    }),
  )
}
