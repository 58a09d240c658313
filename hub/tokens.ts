import { hexToBytes } from '@noble/hashes/utils.js'
import * as v from 'valibot'
import { equalInConstantTime, secretDigest } from '#shared/constant-time.ts'

/** What a token may do: see models, releases, offers, trainings and what was done when; push models and codes; move tags; and everything. */
export const roles = ['read', 'push', 'promote', 'admin'] as const
export type Role = (typeof roles)[number]

/** Tokens by the name of who holds them, each as the SHA-256 of the token in hex, so that settings hold no secret. */
export const tokensSchema = v.pipe(
  v.record(
    v.pipe(v.string(), v.regex(/^[a-zA-Z0-9@._-]{1,64}$/, 'name whoever holds the token')),
    v.strictObject({
      sha256: v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/, 'set 64 hexadecimal digits')),
      roles: v.pipe(v.array(v.picklist(roles)), v.minLength(1, 'give one role at least')),
    }),
  ),
  v.check((tokens) => Object.keys(tokens).length <= 1_000, 'at most 1,000 tokens'),
)
export type Tokens = v.InferOutput<typeof tokensSchema>

export interface Caller {
  /** What the registry keeps as who did it. */
  readonly name: string
  readonly roles: ReadonlySet<Role>
}

/** Finds whose a token is; every token is compared, in a time that does not depend on which it is. */
export function callerFinder(tokens: Tokens, adminToken: string): (token: string) => Caller | null {
  const known: { digest: Uint8Array; caller: Caller }[] = Object.entries(tokens).map(
    ([name, { sha256, roles: given }]) => ({
      digest: hexToBytes(sha256),
      caller: { name, roles: new Set(given) },
    }),
  )
  known.push({
    digest: secretDigest(adminToken),
    caller: { name: 'operator', roles: new Set(['admin']) },
  })
  return (token) => {
    const asked = secretDigest(token)
    let found: Caller | null = null
    for (const { digest, caller } of known) if (equalInConstantTime(asked, digest)) found = caller
    return found
  }
}

/** Whoever may change something may see it; an admin may do everything. */
export function mayDo({ roles: own }: Caller, role: Role): boolean {
  return own.has('admin') || own.has(role) || (role === 'read' && own.size > 0)
}
