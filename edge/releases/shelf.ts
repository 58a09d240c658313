import { DurableObject } from 'cloudflare:workers'
import { limits } from '#shared/limits.ts'

export interface ReleasePointer {
  readonly digest: string
  readonly signature: string
}

/** A SQLite row of a Durable Object holds at most 2 MB. */
const chunkBytes = 1_500_000
/** The one that is live and the one before it. */
const releasesKept = 2

/** Where a POP keeps the releases it was sent, so that they outlive it; one object, asked by every isolate. */
export class ReleaseShelf extends DurableObject {
  readonly #sql: SqlStorage

  constructor(ctx: DurableObjectState, env: unknown) {
    super(ctx, env as never)
    this.#sql = ctx.storage.sql
    this.#sql.exec(`CREATE TABLE IF NOT EXISTS releases (
      position INTEGER PRIMARY KEY, site TEXT NOT NULL, digest TEXT NOT NULL, signature TEXT NOT NULL)`)
    this.#sql.exec(`CREATE TABLE IF NOT EXISTS chunks (
      site TEXT NOT NULL, digest TEXT NOT NULL, number INTEGER NOT NULL, bytes BLOB NOT NULL,
      PRIMARY KEY (site, digest, number)) WITHOUT ROWID`)
    this.#sql.exec(`CREATE TABLE IF NOT EXISTS nonces (
      nonce TEXT PRIMARY KEY, expires_at INTEGER NOT NULL) WITHOUT ROWID`)
  }

  /** Takes a nonce once until it expires. Only holders of the hub's key get here, so the table stays small. */
  claim(nonce: string, expiresAtMs: number, nowMs: number): boolean {
    this.#sql.exec('DELETE FROM nonces WHERE expires_at < ?', nowMs)
    const [row] = this.#sql
      .exec<{ total: number }>('SELECT count(*) AS total FROM nonces')
      .toArray()
    if ((row?.total ?? 0) >= limits.noncesMax) return false
    const taken = this.#sql.exec(
      'INSERT OR IGNORE INTO nonces (nonce, expires_at) VALUES (?, ?)',
      nonce,
      expiresAtMs,
    )
    return taken.rowsWritten > 0
  }

  /** Puts a release on the shelf and makes it the site's live one, in one transaction. */
  put(site: string, pointer: ReleasePointer, bytes: Uint8Array): void {
    // Sent again, it must not push the release before it off the shelf.
    if (this.current(site)?.digest === pointer.digest) return
    this.ctx.storage.transactionSync(() => {
      for (let number = 0; number * chunkBytes < bytes.length; number++) {
        const chunk = bytes.slice(number * chunkBytes, (number + 1) * chunkBytes)
        this.#sql.exec(
          'INSERT OR REPLACE INTO chunks (site, digest, number, bytes) VALUES (?, ?, ?, ?)',
          site,
          pointer.digest,
          number,
          chunk,
        )
      }
      this.#sql.exec(
        'INSERT INTO releases (site, digest, signature) VALUES (?, ?, ?)',
        site,
        pointer.digest,
        pointer.signature,
      )
      this.#forgetOld(site)
    })
  }

  current(site: string): ReleasePointer | null {
    const [row] = this.#sql
      .exec<{ digest: string; signature: string }>(
        'SELECT digest, signature FROM releases WHERE site = ? ORDER BY position DESC LIMIT 1',
        site,
      )
      .toArray()
    return row ?? null
  }

  read(site: string, digest: string): Uint8Array | null {
    const chunks = this.#sql
      .exec<{ bytes: ArrayBuffer }>(
        'SELECT bytes FROM chunks WHERE site = ? AND digest = ? ORDER BY number',
        site,
        digest,
      )
      .toArray()
      .map((row) => new Uint8Array(row.bytes))
    if (chunks.length === 0) return null
    const bytes = new Uint8Array(chunks.reduce((total, chunk) => total + chunk.length, 0))
    let offset = 0
    for (const chunk of chunks) {
      bytes.set(chunk, offset)
      offset += chunk.length
    }
    return bytes
  }

  #forgetOld(site: string): void {
    this.#sql.exec(
      `DELETE FROM releases WHERE site = ?1 AND position NOT IN (
         SELECT position FROM releases WHERE site = ?1 ORDER BY position DESC LIMIT ?2)`,
      site,
      releasesKept,
    )
    this.#sql.exec(
      `DELETE FROM chunks WHERE site = ?1
       AND digest NOT IN (SELECT digest FROM releases WHERE site = ?1)`,
      site,
    )
  }
}
