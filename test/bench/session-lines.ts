import { createReadStream } from 'node:fs'
import { createInterface } from 'node:readline'
import * as v from 'valibot'

/** Files of the literature's sets, read a line at a time: some have millions. Ids may be numbers or texts. */

const id = v.pipe(
  v.union([v.pipe(v.string(), v.minLength(1)), v.pipe(v.number(), v.safeInteger())]),
  v.transform(String),
)
const sessionLine = v.array(id)
const prefixLine = v.tuple([v.pipe(v.array(id), v.minLength(1)), id])

/** One thing to predict: the items so far, oldest first, and what came next, the immediate one first. */
export interface FileQuestion {
  readonly sessionId: string
  readonly seen: readonly string[]
  readonly next: readonly string[]
}

export type OnMalformed = (line: number) => void

/** Sessions, one JSON array of item ids a line, oldest first. A line that is none is told of and left out. */
export async function* readSessionLines(
  file: string,
  onMalformed: OnMalformed,
): AsyncGenerator<{ readonly itemIds: string[] }> {
  for await (const itemIds of readLines(file, sessionLine, onMalformed)) yield { itemIds }
}

/**
 * Questions, one `[[items so far], next item]` a line. A line that goes on where the one before stopped, or
 * is its beginning, is of the same session: the intervals of the figures need to know.
 */
export async function* readPrefixLines(
  file: string,
  onMalformed: OnMalformed,
): AsyncGenerator<FileQuestion> {
  let sessions = 0
  let before: readonly string[] = []
  for await (const [seen, next] of readLines(file, prefixLine, onMalformed)) {
    const whole = [...seen, next]
    if (!isBeginning(before, whole) && !isBeginning(whole, before)) sessions++
    before = whole
    yield { sessionId: String(sessions), seen, next: [next] }
  }
}

function isBeginning(one: readonly string[], of: readonly string[]): boolean {
  return one.length > 0 && one.length <= of.length && one.every((item, at) => item === of[at])
}

async function* readLines<Line extends v.GenericSchema>(
  file: string,
  schema: Line,
  onMalformed: OnMalformed,
): AsyncGenerator<v.InferOutput<Line>> {
  let number = 0
  for await (const text of createInterface({ input: createReadStream(file) })) {
    number++
    if (text.trim() === '') continue
    const parsed = v.safeParse(schema, jsonOf(text))
    if (parsed.success) yield parsed.output
    else onMalformed(number)
  }
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
