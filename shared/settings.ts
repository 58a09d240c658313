import * as v from 'valibot'
import { plainly, tellIssue } from './plain-problem.ts'

/** Wrong configuration: stops the start, with a sentence that names the setting, its value and what is allowed. */
export class SettingsError extends Error {
  override readonly name = 'SettingsError'
}

/** Settings whose values are never shown, not even when they are wrong. */
const secretNames = /SECRET|PRIVATE|PASSWORD|TOKEN|SITES|^WEBHOOKS$|_URLS?$|_ENDPOINT$/

/** A sentence for whoever finds the port of a setting, or of an option, taken. */
export function portInUse(port: number, setting: string): SettingsError {
  return new SettingsError(`Port ${port} is in use; set ${setting} to another, or to 0 for any.`)
}

/** Reads settings from text variables by a schema. Throws SettingsError naming every wrong one. */
export function readSettings<Schema extends v.GenericSchema>(
  schema: Schema,
  variables: Readonly<Record<string, unknown>>,
): v.InferOutput<Schema> {
  const parsed = v.safeParse(schema, { ...everyNameOf(schema), ...variables }, plainly)
  if (parsed.success) return parsed.output
  const sentences = parsed.issues.map((issue) => describe(issue, variables))
  throw new SettingsError(sentences.join('\n'))
}

/** A name that is missing is an error of the object; one that is undefined, of the setting, which says what to set. */
function everyNameOf(schema: object): Record<string, undefined> {
  const names = 'entries' in schema ? Object.keys(schema.entries as object) : []
  return Object.fromEntries(names.map((name) => [name, undefined]))
}

function describe(
  issue: v.BaseIssue<unknown>,
  variables: Readonly<Record<string, unknown>>,
): string {
  const path = v.getDotPath(issue) ?? ''
  const name = path.split('.')[0] as string
  const value = variables[name]
  if (value === undefined) return `${name} is not set: ${issue.message}.`
  // Its value stands before it; what lies inside one may be a secret, and its type is none.
  const told = tellIssue(issue, path === name ? 'nothing' : 'type')
  const shown = secretNames.test(name) ? '(not shown)' : JSON.stringify(value)
  const where = path === name ? '' : ` at ${path.slice(name.length + 1)}`
  return `${name} is ${shown}, which is not allowed${where}: ${told}.`
}

/** A whole number in text, within bounds; `fallback` where the variable is not set. */
export function integer(bounds: { min: number; max: number; fallback: number }) {
  const sentence = `set a whole number from ${bounds.min} to ${bounds.max}`
  return v.pipe(
    v.optional(v.string(), String(bounds.fallback)),
    v.regex(/^-?\d+$/, sentence),
    v.transform(Number),
    v.minValue(bounds.min, sentence),
    v.maxValue(bounds.max, sentence),
  )
}

/** JSON in text, then checked by a schema. */
export function jsonText<Schema extends v.GenericSchema>(schema: Schema, sentence: string) {
  return v.pipe(
    v.string(sentence),
    v.rawTransform(({ dataset, addIssue, NEVER }) => {
      try {
        return JSON.parse(dataset.value) as unknown
      } catch {
        addIssue({ message: sentence })
        return NEVER
      }
    }),
    schema,
  )
}

export const httpUrl = v.pipe(
  v.string('set an http or https address'),
  v.check((text) => /^https?:/.test(text) && URL.canParse(text), 'set an http or https address'),
  // `fetch` takes none of them, and an address is printed where it does not answer.
  v.check((text) => !hasCredentials(text), 'set an address without a name and a password in it'),
  v.transform((text) => text.replace(/\/+$/, '')),
)

function hasCredentials(text: string): boolean {
  if (!URL.canParse(text)) return false
  const { username, password } = new URL(text)
  return username !== '' || password !== ''
}
