import type { Context } from 'hono'
import { RequestRefused } from '#shared/request-refused.ts'

/** Whether PostgreSQL takes all texts of a value: none has U+0000, nor half of a surrogate pair. */
export function isStorable(value: unknown): boolean {
  // JSON writes both as escapes; an even number of backslashes before the `u` is text that looks like one.
  return !/(?<!\\)(?:\\\\)*\\u(?:0000|d[89a-f])/.test(JSON.stringify(value))
}

/** Refuses an address with U+0000 in it, whichever route and parameter it is for: it names nothing that could be kept. */
export async function storableAddress(context: Context, next: () => Promise<void>) {
  if (!context.req.url.includes('%00')) return next()
  throw new RequestRefused(400, 'invalid_address', 'an address holds no character U+0000 (%00)')
}
