import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { tryCompile } from '#shared/policy/compile.ts'
import { defaultPolicy, type Policy } from '#shared/policy.ts'
import { parsePolicy, tellMistakes } from './parse-policy.ts'

const extensions = ['yaml', 'yml', 'json'] as const

/** Where a policy comes from; no file: it is the default. */
export interface PolicyOrigin {
  readonly file: string | null
  readonly placements: number
  readonly rules: number
}

export type ReadPolicy =
  | { readonly ok: true; readonly policy: Policy; readonly origin: PolicyOrigin }
  | { readonly ok: false; readonly reason: string }

/** A site's policy for its next release; where it has none the default, and where it is wrong the reason. */
export async function readPolicy(directory: string | undefined, site: string): Promise<ReadPolicy> {
  if (directory === undefined) return found(defaultPolicy, null)
  for (const extension of extensions) {
    const file = join(directory, `${site}.${extension}`)
    const text = await readFile(file, 'utf8').catch((cause: NodeJS.ErrnoException) => {
      if (cause.code === 'ENOENT') return null
      throw cause
    })
    if (text === null) continue
    const parsed = parsePolicy(text)
    if (parsed.ok) return found(parsed.policy, file)
    return { ok: false, reason: `the policy is wrong: ${tellMistakes(file, parsed.mistakes)}` }
  }
  return found(defaultPolicy, null)
}

function found(policy: Policy, file: string | null): ReadPolicy {
  const placements = [...tryCompile(policy, 0).compiled.placements.values()]
  const rules = placements.flatMap(({ ruleNames }) => ruleNames).length
  return { ok: true, policy, origin: { file, placements: placements.length, rules } }
}
