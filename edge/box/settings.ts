import * as v from 'valibot'
import { integer, readSettings } from '#shared/settings.ts'
import { readConfig, settingNames } from '../config.ts'

const boxSchema = v.object({
  POP_HOST: v.optional(v.string(), '127.0.0.1'),
  POP_PORT: integer({ min: 0, max: 65_535, fallback: 8787 }),
  POP_DATA_DIR: v.optional(v.string(), '.data/pop'),
})

/**
 * Settings of a POP on a box: where it listens and keeps its files, and the worker's own.
 * The worker's are checked here too, so that a wrong one stops the start and not a request.
 */
export function readBoxSettings(environment: Readonly<Record<string, string | undefined>>) {
  const box = readSettings(boxSchema, environment)
  const given = settingNames.flatMap((name) => {
    const value = environment[name] ?? boxDefaults[name]
    return value === undefined ? [] : [[name, value] as const]
  })
  const bindings: Record<string, string> = Object.fromEntries(given)
  readConfig(bindings)
  return { host: box.POP_HOST, port: box.POP_PORT, dataDir: box.POP_DATA_DIR, bindings }
}

/** On one box a few objects that commit together are faster than one a visitor (see mapping.ts). */
const boxDefaults: Readonly<Record<string, string>> = {
  VISITOR_SHARDS: '4',
}
