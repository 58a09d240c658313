/** The files of `migrations/`, in order, as statements. */

import { readdir, readFile } from 'node:fs/promises'

export interface Migration {
  readonly name: string
  readonly statements: readonly string[]
}

const directory = new URL('./migrations/', import.meta.url)

export async function readMigrations(): Promise<readonly Migration[]> {
  const files = (await readdir(directory))
    .filter((file) => /^\d{3}-[a-z0-9-]+\.sql$/.test(file))
    .sort()
  return Promise.all(
    files.map(async (file) => ({
      name: file.replace('.sql', ''),
      statements: splitStatements(await readFile(new URL(file, directory), 'utf8')),
    })),
  )
}

/** A semicolon ends a statement only at the end of a line, so that one may stand in a comment or a text. */
export function splitStatements(sql: string): string[] {
  return sql
    .replaceAll(/^--.*$/gm, '')
    .split(/;\s*$/m)
    .map((statement) => statement.trim())
    .filter((statement) => statement !== '')
}
