import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { defaultPolicy } from '#shared/policy.ts'
import { type ParsedPolicy, parsePolicy, tellMistakes } from './parse-policy.ts'

const extensions = ['yaml', 'yml', 'json'] as const

/** A site's policy for its next release; where it has none the default, and where it is wrong the reason. */
export async function readPolicy(
  directory: string | undefined,
  site: string,
): Promise<Extract<ParsedPolicy, { ok: true }> | { readonly ok: false; readonly reason: string }> {
  if (directory === undefined) return { ok: true, policy: defaultPolicy }
  for (const extension of extensions) {
    const file = join(directory, `${site}.${extension}`)
    const text = await readFile(file, 'utf8').catch((cause: NodeJS.ErrnoException) => {
      if (cause.code === 'ENOENT') return null
      throw cause
    })
    if (text === null) continue
    const parsed = parsePolicy(text)
    if (parsed.ok) return parsed
    return { ok: false, reason: `the policy is wrong: ${tellMistakes(file, parsed.mistakes)}` }
  }
  return { ok: true, policy: defaultPolicy }
}
