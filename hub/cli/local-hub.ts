import { readFileSync } from 'node:fs'
import { parseEnv } from 'node:util'

/** A hub of this machine, as far as its files tell of it. */
export interface LocalHub {
  readonly url: string
  readonly token: string | null
}

const usual = 'http://127.0.0.1:8788'

/**
 * The hub of the directory one stands in: that of `npm start`, which leaves its address while it runs; else that
 * of `.env`; else that of an `npm start` which is not running any more.
 */
export function localHub(): LocalHub {
  const startedToken = textOf('.data/admin-token')
  const startedUrl = textOf('.data/hub-url')
  if (startedUrl !== null) return { url: startedUrl, token: startedToken }
  const { ADMIN_TOKEN, HUB_PORT } = parseEnv(textOf('.env') ?? '')
  const url = HUB_PORT ? `http://127.0.0.1:${HUB_PORT}` : usual
  return ADMIN_TOKEN ? { url, token: ADMIN_TOKEN } : { url: usual, token: startedToken }
}

/** Null where there is nothing to read: whoever needs it says what is missing. */
function textOf(file: string): string | null {
  try {
    return readFileSync(file, 'utf8').trim()
  } catch {
    return null
  }
}
