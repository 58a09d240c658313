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
  return shardName(site, ((a << 16) | (b << 8) | c) % shards)
}

/** Every object a site has; none where each visitor has its own, for these nobody can list. */
export function objectNamesOf(site: string, shards: number): string[] {
  return Array.from({ length: shards }, (_, shard) => shardName(site, shard))
}

function shardName(site: string, shard: number): string {
  return `${site}/#${shard}`
}
