/** One session of a click file: items and their times, in the order that was asked for. */
export interface FileSession {
  sessionId: string
  itemIds: string[]
  timesMs: number[]
}

/** A row that could not be read, where it is and why. */
export interface MalformedRow {
  lineNumber: number
  reason: 'columns' | 'empty-id' | 'time'
}

export interface SessionFile {
  sessions: FileSession[]
  malformed: MalformedRow[]
}

interface Row {
  sessionId: string
  itemId: string
  timeMs: number
}

/**
 * Reads tab-separated `SessionId`, `ItemId`, `Time` (epoch seconds) with a header line. Sessions
 * come in the order of their first row; rows within one in `file` order or sorted by `time`, equal
 * times as in the file. Malformed rows are left out and reported, never guessed.
 */
export function readSessionFile(text: string, order: 'file' | 'time'): SessionFile {
  const rowsBySession = new Map<string, Row[]>()
  const malformed: MalformedRow[] = []
  text.split('\n').forEach((line, at) => {
    if (at === 0 || line.trim() === '') return
    const row = readRow(line)
    if (typeof row === 'string') malformed.push({ lineNumber: at + 1, reason: row })
    else rowsOf(rowsBySession, row.sessionId).push(row)
  })
  return { sessions: [...rowsBySession.values()].map((rows) => toSession(rows, order)), malformed }
}

function rowsOf(rowsBySession: Map<string, Row[]>, sessionId: string): Row[] {
  const known = rowsBySession.get(sessionId)
  if (known !== undefined) return known
  const rows: Row[] = []
  rowsBySession.set(sessionId, rows)
  return rows
}

function readRow(line: string): Row | MalformedRow['reason'] {
  const [sessionId, itemId, time, ...rest] = line.replace(/\r$/, '').split('\t')
  if (time === undefined || rest.length > 0) return 'columns'
  if (!sessionId || !itemId) return 'empty-id'
  const timeMs = time.trim() === '' ? Number.NaN : Number(time) * 1000
  return Number.isFinite(timeMs) ? { sessionId, itemId, timeMs } : 'time'
}

function toSession(rows: Row[], order: 'file' | 'time'): FileSession {
  const ordered = order === 'time' ? rows.toSorted((a, b) => a.timeMs - b.timeMs) : rows
  return {
    sessionId: (rows[0] as Row).sessionId,
    itemIds: ordered.map((row) => row.itemId),
    timesMs: ordered.map((row) => row.timeMs),
  }
}
