/**
 * Refuses, before the engine sees it, what `readonly = 1` lets through.
 *
 * Measured on ClickHouse 26.7 in chDB: readonly refuses writes, DDL, changes of settings and table functions
 * that reach outside; it does not refuse `INTO OUTFILE`, the scalar function `file()`, system tables,
 * `KILL QUERY` or a second statement. On a server give the hub a user with SELECT on its tables besides.
 */

import { StoreError } from './store.ts'

type Kind = 'blank' | 'identifier' | 'text' | 'other'

interface Token {
  readonly kind: Kind
  readonly text: string
}

// In the order they are tried. Quoted identifiers are identifiers: "file"('…') is a call like any other.
const kinds: readonly (readonly [Kind, RegExp])[] = [
  ['blank', /\s+|--[^\n]*|#[! ][^\n]*|\/\*[\s\S]*?\*\//y],
  ['text', /'(?:[^'\\]|\\[\s\S]|'')*'|\$(\w*)\$[\s\S]*?\$\1\$/y],
  ['identifier', /"(?:[^"\\]|\\[\s\S]|"")*"|`(?:[^`\\]|\\[\s\S]|``)*`|[A-Za-z_][\w$]*/y],
  ['other', /\d[\w.]*|[\s\S]/y],
]

// Not DESCRIBE: of a table function it asks files and networks, and `readonly` lets it.
const firstWords = new Set(['select', 'with', 'explain'])
const closedDatabases = new Set(['system', 'information_schema'])
// What reads files, asks networks, tells of the server, or names tables in text where names cannot be checked.
const closedFunctions = new Set(
  `addresstoline addresstolinewithinlines addresstosymbol catboostevaluate cluster clusterallreplicas executable
  file filecluster filesystemavailable filesystemcapacity filesystemunreserved gcs getmergetreesetting
  getserversetting hdfs loop merge mergetreeindex mergetreeprojection mysql postgresql python remote remotesecure
  azureblobstorage azureblobstoragecluster cosn deltalake deltalakecluster hudi hudicluster iceberg icebergcluster
  jdbc mongodb odbc oss redis s3 s3cluster showcertificate sqlite sleep sleepeachrow url urlcluster`.split(
    /\s+/,
  ),
)

/** Throws `refused` unless the SQL is one statement that reads tables of the default database. */
export function assertReadOnly(sql: string): void {
  const tokens = tokenize(sql)
  const refuse = (what: string): never => {
    throw new StoreError('refused', `a read-only query may not ${what}`)
  }
  const first = tokens.find((token) => token.text !== '(')
  if (!firstWords.has(first?.text ?? '')) refuse('do anything but SELECT, WITH or EXPLAIN')
  for (const [index, { kind, text }] of tokens.entries()) {
    const next = tokens[index + 1]
    if (text === ';' && next) refuse('hold a second statement')
    // The engine takes typographic quotes for quotes; rather than follow it there, nothing but ASCII passes.
    if (kind === 'other' && text > '\x7f') refuse(`hold ${text} outside of quotes`)
    if (kind !== 'identifier') continue
    if (text === 'outfile') refuse('write to a file')
    if (closedDatabases.has(text) && next?.text === '.') refuse(`read ${text}`)
    if (text === 'identifier' && tokens[index - 1]?.text === ':') refuse('take names as parameters')
    if (next?.text === '(' && closedFunctions.has(text)) refuse(`call ${text}()`)
  }
}

/** Tokens without blanks and comments; identifiers bare and in lower case, since the closed names are. */
function tokenize(sql: string): Token[] {
  const tokens: Token[] = []
  for (let position = 0; position < sql.length; ) {
    const token = tokenAt(sql, position)
    position += token.length
    if (token.kind !== 'blank')
      tokens.push({ kind: token.kind, text: bare(token.kind, token.text) })
  }
  return tokens
}

function tokenAt(sql: string, position: number): Token & { length: number } {
  for (const [kind, pattern] of kinds) {
    pattern.lastIndex = position
    const text = pattern.exec(sql)?.[0]
    if (text) return { kind, text, length: text.length }
  }
  return { kind: 'other', text: '', length: 1 }
}

function bare(kind: Kind, text: string): string {
  if (kind !== 'identifier') return text
  const quoted = text.startsWith('"') || text.startsWith('`')
  // A name could hide behind an escape, and no table or function here needs one.
  if (quoted && text.includes('\\'))
    throw new StoreError('refused', 'a read-only query may not hold an escape in a name')
  return (quoted ? text.slice(1, -1) : text).toLowerCase()
}
