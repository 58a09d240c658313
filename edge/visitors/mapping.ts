import { sha256 } from '@noble/hashes/sha2.js'
import { utf8ToBytes } from '@noble/hashes/utils.js'

/**
 * The name of the Durable Object that owns a visitor's state: the one place that decides it.
 *
 * With 0 shards each visitor has an object of its own, which Cloudflare places near the visitor. On a
 * box a few objects a site share one sync of the disk among the requests of many visitors.
 * A site never shares an object with another.
 */
export function objectNameOf(site: string, visitor: string, shards: number): string {
  if (shards === 0) return `${site}/${visitor}`
  const [a = 0, b = 0, c = 0] = sha256(utf8ToBytes(visitor))
  return `${site}/#${((a << 16) | (b << 8) | c) % shards}`
}
