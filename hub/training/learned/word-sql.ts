import { limits } from '#shared/limits.ts'

/** As raw JSON, each of its characters escaped. */
const wordBytesMax = 6 * limits.nameCharactersMax + 2

/**
 * Whether `key` of a column of JSON is a word that a model may learn from: a string, a number or a boolean, and no
 * longer than a name. Anything else is as if it had not been said: anybody may say it.
 */
export function isWordSql(column: string, key: string): string {
  return `(JSONType(${column}, ${key}) IN ('String', 'Int64', 'UInt64', 'Double', 'Bool')
    AND length(JSONExtractRaw(${column}, ${key})) <= ${wordBytesMax})`
}

/** The word itself, as text: 7 and "7" are one. */
export function wordSql(column: string, key: string): string {
  return `if(JSONType(${column}, ${key}) = 'String',
    JSONExtractString(${column}, ${key}), JSONExtractRaw(${column}, ${key}))`
}
