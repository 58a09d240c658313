import { sha256 } from '@noble/hashes/sha2.js'
import { utf8ToBytes } from '@noble/hashes/utils.js'
import type { Policy } from '../policy.ts'

/** The variant of every experiment for a visitor's key: the same at every POP, as long as the parts stay. */
export function variantsOf(
  { experiments }: Pick<Policy, 'experiments'>,
  visitor: string,
): Record<string, string> {
  return Object.fromEntries(
    Object.entries(experiments).map(([name, { variants }]) => [
      name,
      chosen(Object.entries(variants), fractionOf(`${name}\n${visitor}`)),
    ]),
  )
}

/** 0 to 1 without 1, evenly: the first 48 bits of a hash. */
function fractionOf(text: string): number {
  const [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0] = sha256(utf8ToBytes(text.toWellFormed()))
  return (((((a * 256 + b) * 256 + c) * 256 + d) * 256 + e) * 256 + f) / 2 ** 48
}

function chosen(parts: readonly (readonly [string, number])[], fraction: number): string {
  const total = parts.reduce((sum, [, part]) => sum + part, 0)
  let left = fraction * total
  for (const [name, part] of parts) {
    left -= part
    if (left < 0) return name
  }
  // Rounding may leave a rest: it is the last one's that has a part at all.
  return parts.findLast(([, part]) => part > 0)?.[0] as string
}
