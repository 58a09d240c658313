import { hmac } from '@noble/hashes/hmac.js'
import { sha256 } from '@noble/hashes/sha2.js'
import { utf8ToBytes } from '@noble/hashes/utils.js'
import type { BudgetName } from './budget.ts'

/** Crockford's base 32, without the letters that are read as digits. */
const digits = '0123456789ABCDEFGHJKMNPQRSTVWXYZ'
/** 50 bits: who tries a million codes has found one with a chance of one in a billion. */
const sealCharacters = 10

/** What makes and proves the codes of a site. Both sides have the secret it comes from. */
export function offerCodeKey(popSecret: string, site: string): Uint8Array {
  return hmac(sha256, utf8ToBytes(popSecret), utf8ToBytes(`shelfedge-offer-codes-1\n${site}`))
}

/** The code of one issue: its number, and a seal that nobody without the key can make. */
export function generatedCode(
  key: Uint8Array,
  name: BudgetName,
  number: number,
  prefix: string,
): string {
  return prefix + base32(number) + sealOf(key, name, number)
}

/** The number of the issue that a code is of; null where it is of none. */
export function numberOfCode(
  key: Uint8Array,
  name: BudgetName,
  code: string,
  prefix: string,
): number | null {
  const own = code.slice(prefix.length).toUpperCase()
  const number = [...own.slice(0, -sealCharacters)].reduce(
    (sum, digit) => sum * 32 + (digits.includes(digit) ? digits.indexOf(digit) : Number.NaN),
    0,
  )
  if (!Number.isSafeInteger(number)) return null
  return generatedCode(key, name, number, prefix) === prefix + own && code.startsWith(prefix)
    ? number
    : null
}

function sealOf(key: Uint8Array, { offer, budget }: BudgetName, number: number): string {
  const mac = hmac(sha256, key, utf8ToBytes(JSON.stringify([offer, budget, number])))
  // A byte has 256 = 8 × 32 values: each digit is as likely as another.
  return [...mac.subarray(0, sealCharacters)].map((byte) => digits[byte % 32]).join('')
}

function base32(number: number): string {
  const rest = Math.floor(number / 32)
  return (rest > 0 ? base32(rest) : '') + digits[number % 32]
}
