/**
 * The elements of the list under `key` in a JSON object, each exactly as it is written.
 *
 * Reading and writing JSON again would not keep a record whole: 1.0 becomes 1, 1e400 becomes null, and of a key
 * that comes twice one is lost. The text must be JSON (it was parsed before); one without such a list has none.
 */
export function elementTexts(json: string, key: string): string[] {
  // Of a key that comes twice the last holds, as for JSON.parse.
  const list = entriesOf(json, skipBlanks(json, 0)).findLast(([name]) => name === key)
  return list === undefined ? [] : elementsOf(json, list[1])
}

/** Keys of the object that starts at a position, with the position of each value. */
function entriesOf(json: string, start: number): [string, number][] {
  const entries: [string, number][] = []
  if (json[start] !== '{') return entries
  for (let at = skipBlanks(json, start + 1); json[at] === '"'; ) {
    const keyEnd = valueEnd(json, at)
    const value = skipBlanks(json, skipBlanks(json, keyEnd) + 1)
    entries.push([JSON.parse(json.slice(at, keyEnd)), value])
    at = afterComma(json, valueEnd(json, value))
  }
  return entries
}

function elementsOf(json: string, start: number): string[] {
  const elements: string[] = []
  if (json[start] !== '[') return elements
  for (let at = skipBlanks(json, start + 1); at < json.length && json[at] !== ']'; ) {
    const end = valueEnd(json, at)
    elements.push(json.slice(at, end))
    at = afterComma(json, end)
  }
  return elements
}

/** Past the value that starts at a position; without recursion, since a record may be nested without end. */
function valueEnd(json: string, start: number): number {
  let depth = 0
  let at = start
  do {
    const character = json[at]
    if (character === '"') at = textEnd(json, at)
    else if (character === '{' || character === '[') depth++
    else if (character === '}' || character === ']') depth--
    else if (depth === 0) return scalarEnd(json, at)
    if (character !== '"') at++
  } while (depth > 0 && at < json.length)
  return at
}

function textEnd(json: string, start: number): number {
  let at = start + 1
  while (at < json.length && json[at] !== '"') at += json[at] === '\\' ? 2 : 1
  return at + 1
}

function scalarEnd(json: string, start: number): number {
  let at = start + 1
  while (at < json.length && !/[\s,\]}]/.test(json[at] as string)) at++
  return at
}

function skipBlanks(json: string, start: number): number {
  let at = start
  while (at < json.length && /\s/.test(json[at] as string)) at++
  return at
}

function afterComma(json: string, end: number): number {
  const at = skipBlanks(json, end)
  return json[at] === ',' ? skipBlanks(json, at + 1) : at
}
