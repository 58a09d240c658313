import { limits } from './limits.ts'

/**
 * Whether text can be an id: whole Unicode without control characters, so that two stores never disagree on it.
 * U+FFFD stands where broken text was mended: two different ids could have become the same.
 */
export function isIdText(text: string): boolean {
  return text.isWellFormed() && !text.includes('\uFFFD') && !hasControlCharacter(text)
}

function hasControlCharacter(text: string): boolean {
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index)
    if (code < 0x20 || code === 0x7f) return true
  }
  return false
}

/**
 * The key of a visitor's state: the id the device was born with, or the user where no device is known.
 *
 * The prefix keeps the two name spaces apart. A browser that signs in keeps its key, so its state keeps
 * one owner; `userId` travels on every event and joins visitors in the store.
 */
export function visitorKey(ids: {
  readonly anonymousId?: string | null | undefined
  readonly userId?: string | null | undefined
}): string | null {
  if (ids.anonymousId) return `a:${ids.anonymousId}`
  if (ids.userId) return `u:${ids.userId}`
  return null
}

/**
 * A visitor's key as a person wrote it, or null where no visitor can have it: `a:` and an anonymousId, or
 * `u:` and a userId.
 */
export function readVisitorKey(text: string): string | null {
  const id = text.slice(2)
  const isKey = /^[au]:/.test(text) && id !== '' && id.length <= limits.idCharactersMax
  return isKey && isIdText(id) ? text : null
}

/** The key under which a site's refused events travel to the hub; no visitor can have it (see `visitorKey`). */
export const refusalsKey = '!refused'
