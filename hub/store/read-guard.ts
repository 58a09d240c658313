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
  /** As it was written. */
  readonly raw: string
  /** What it is called: identifiers bare and in lower case, since the closed names are. */
  readonly text: string
}

// In the order they are tried. Quoted identifiers are identifiers: "file"('…') is a call like any other. The
// rest is a list of what may stand outside of quotes, and neither $ (the engine has heredocs of its own rules)
// nor # and \ is on it; // begins a comment there, /* one that nests.
const kinds: readonly (readonly [Kind, RegExp])[] = [
  ['blank', /[ \t\r\n]+|--[^\n]*|\/\*(?:(?!\/\*|\*\/)[\s\S])*\*\//y],
  ['text', /'(?:[^'\\]|\\[\s\S]|'')*'(?!')/y],
  ['identifier', /"(?:[^"\\]|"")*"(?!")|`(?:[^`\\]|``)*`(?!`)|[A-Za-z_]\w*/y],
  ['other', /\d[\w.]*|\/(?![/*])|[()[\]{},.;:+*%=<>!|?^&~-]/y],
]

// Not DESCRIBE: of a table function it asks files and networks, and `readonly` lets it.
const firstWords = new Set(['select', 'with', 'explain'])
/** As much of a first word as is said of it. */
const wordCharactersMax = 40
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

/**
 * The SQL to send in place of somebody's SQL: its own tokens, with a space where blanks and comments were, so
 * that the engine cannot find a comment where none was seen here. Throws `refused` unless it is one statement
 * that reads tables of the default database.
 */
export function readOnlySql(sql: string): string {
  const all = [...tokenize(sql)]
  const tokens = all.filter(({ kind }) => kind !== 'blank')
  const first = tokens.find(({ text }) => text !== '(')
  if (!firstWords.has(first?.text ?? '')) {
    const begin = (first?.raw ?? 'nothing').slice(0, wordCharactersMax)
    refuse(`do anything but SELECT, WITH or EXPLAIN; it begins with ${begin}`)
  }
  for (const [index, { kind, text }] of tokens.entries()) {
    const next = tokens[index + 1]
    if (text === ';' && next) refuse('hold a second statement')
    if (kind !== 'identifier') continue
    if (text === 'outfile') refuse('write to a file')
    if (closedDatabases.has(text) && next?.text === '.') refuse(`read ${text}`)
    if (text === 'identifier' && tokens[index - 1]?.text === ':') refuse('take names as parameters')
    if (next?.text === '(' && closedFunctions.has(text)) refuse(`call ${text}()`)
  }
  return all.map(({ kind, raw }) => (kind === 'blank' ? ' ' : raw)).join('')
}

/** Each character is looked at a bounded number of times: what fits no kind ends it, an open quote too. */
function* tokenize(sql: string): Generator<Token> {
  for (let position = 0; position < sql.length; ) {
    const token = tokenAt(sql, position)
    position += token.raw.length
    yield token
  }
}

function tokenAt(sql: string, position: number): Token {
  for (const [kind, pattern] of kinds) {
    pattern.lastIndex = position
    const raw = pattern.exec(sql)?.[0]
    if (raw) return { kind, raw, text: kind === 'identifier' ? bare(raw) : raw }
  }
  const what = sql.slice(position, position + 2)
  return refuse(`hold ${what} here: a quote or comment without its end, or what no query needs`)
}

function bare(raw: string): string {
  const isQuoted = raw.startsWith('"') || raw.startsWith('`')
  return (isQuoted ? raw.slice(1, -1) : raw).toLowerCase()
}

function refuse(what: string): never {
  throw new StoreError('refused', `a read-only query may not ${what}`)
}
