import { writeFileSync } from 'node:fs'
import { cpus, totalmem } from 'node:os'

/** The one form in which every command writes for machines; units are last in each figure's name. */
export interface Report {
  readonly command: string
  readonly startedAt: string
  readonly machine: { readonly cpu: string; readonly cores: number; readonly memoryGb: number }
  readonly versions: Readonly<Record<string, string>>
  readonly settings: object
  /** Null for what could not be measured here. */
  readonly figures: Readonly<Record<string, number | null>>
}

export function machine(): Report['machine'] {
  const memoryGb = Math.round(totalmem() / 2 ** 30)
  return { cpu: cpus()[0]?.model ?? 'unknown', cores: cpus().length, memoryGb }
}

/** Prints a table for people and, where a file is named, writes the report for machines. */
export function publish(report: Report, file: string | undefined): void {
  const rounded = Object.entries(report.figures).map(([name, value]) => [
    name,
    { value: value === null ? null : Number(value.toPrecision(6)) },
  ])
  console.table(Object.fromEntries(rounded))
  if (file !== undefined) writeFileSync(file, `${JSON.stringify(report, null, 2)}\n`)
}
