import { fractionOf } from '../fraction.ts'
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
