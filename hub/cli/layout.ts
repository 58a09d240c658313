const cellCharactersMax = 60

export type TableRow = Readonly<Record<string, unknown>>

/** Rows in columns for people; a cell too long for a terminal is cut, and says so. */
export function columns(rows: readonly TableRow[]): string {
  const names = [...new Set(rows.flatMap((row) => Object.keys(row)))]
  const table = names.map((name) => columnOf(name, rows))
  const lines = [...Array(rows.length + 1).keys()].map((line) =>
    table
      .map((column) => column[line])
      .join('  ')
      .trimEnd(),
  )
  return lines.join('\n')
}

function columnOf(name: string, rows: readonly TableRow[]): string[] {
  const cells = [name, ...rows.map((row) => cell(row[name]))]
  const width = Math.max(...cells.map((text) => text.length))
  const isNumber = rows.every((row) => typeof row[name] === 'number')
  return cells.map((text) => (isNumber ? text.padStart(width) : text.padEnd(width)))
}

function cell(value: unknown): string {
  if (value === null || value === undefined) return ''
  const text = typeof value === 'string' ? value : JSON.stringify(value)
  const line = printable(text).replaceAll(/[\n\t]/g, ' ')
  return line.length > cellCharactersMax ? `${line.slice(0, cellCharactersMax - 1)}…` : line
}

/** Names and values, one a line. */
export function facts(row: TableRow): string {
  const width = Math.max(...Object.keys(row).map((name) => name.length))
  return Object.entries(row)
    .map(([name, value]) => `${name.padEnd(width)}  ${printable(String(value ?? ''))}`)
    .join('\n')
}

/** A number and what it counts, which takes an s in the plural. */
export function counted(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`
}

/**
 * Text as a terminal may have it: what visitors sent must not move its cursor, change its colours or turn its
 * direction.
 */
export function printable(text: string): string {
  return text.replaceAll(/[\p{Cc}\u202a-\u202e\u2066-\u2069]/gu, (character) =>
    '\n\t'.includes(character)
      ? character
      : `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}
