import { readFileSync } from 'node:fs'
import * as v from 'valibot'
import { parse } from 'yaml'
import { readPlainly } from '#shared/plain-problem.ts'
import { SettingsError } from '#shared/settings.ts'

/** What a challenger has to be beside the champion; each is about the same sessions. */
const rulesSchema = v.strictObject({
  /** Fewer predictions prove nothing; a model that is to be tried nevertheless is pushed `--without-comparison`. */
  predictionsMin: v.optional(v.pipe(v.number(), v.integer(), v.minValue(1)), 200),
  /** The upper end of the 95 % interval of the difference: below it the challenger is proven worse. */
  mrr20DifferenceHighMin: v.optional(v.number(), 0),
  hitRate20DifferenceHighMin: v.optional(v.number(), 0),
  /** Different items recommended, as a share of what the champion recommends. */
  coverageRatioMin: v.optional(v.pipe(v.number(), v.minValue(0)), 0.5),
})
export type JudgeRules = v.InferOutput<typeof rulesSchema>

/** Reads the rules of a YAML file; without one what the schema says. Throws SettingsError where it is wrong. */
export function readJudgeRules(file: string | undefined): JudgeRules {
  if (file === undefined) return v.parse(rulesSchema, {})
  const refused = (reason: string) =>
    new SettingsError(`JUDGE_RULES is ${file}, which cannot be taken: ${reason}`)
  let rules: unknown
  try {
    rules = parse(readFileSync(file, 'utf8')) ?? {}
  } catch (cause) {
    throw refused(String(cause))
  }
  const read = readPlainly(rulesSchema, rules, { whole: 'the file' })
  if (read.ok) return read.value
  throw refused(read.problem.sentence)
}
