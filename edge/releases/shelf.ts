import { DurableObject } from 'cloudflare:workers'
import type { CanaryEnd, CanaryTerms } from '#shared/canary.ts'
import { limits } from '#shared/limits.ts'

export interface ReleasePointer {
  readonly digest: string
  readonly signature: string
}

export interface CanaryPointer extends ReleasePointer {
  readonly terms: CanaryTerms
}

/** What a site is answered by: one release, or two while a canary runs; and how the last canary ended here. */
export interface ShelfState {
  readonly live: ReleasePointer | null
  readonly canary: CanaryPointer | null
  readonly ended: CanaryEnd | null
  /** What the next move of the tag is likely to make live: a candidate, else what was live before. */
  readonly standby: ReleasePointer | null
}

/** A SQLite row of a Durable Object holds at most 2 MB. */
const chunkBytes = 1_500_000
/** The one that is live and the one before it; a canary and a candidate come on top. */
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
    this.#sql.exec(`CREATE TABLE IF NOT EXISTS canaries (
      site TEXT PRIMARY KEY, digest TEXT NOT NULL, signature TEXT NOT NULL, terms TEXT NOT NULL,
      ended TEXT) WITHOUT ROWID`)
    // Terms that a version before this one wrote cannot be judged by; the hub sends the canary again.
    this.#sql.exec(`DELETE FROM canaries WHERE json_extract(terms, '$.limits.visitorsMin') IS NULL`)
    this.#sql.exec(`CREATE TABLE IF NOT EXISTS candidates (
      site TEXT PRIMARY KEY, digest TEXT NOT NULL, signature TEXT NOT NULL) WITHOUT ROWID`)
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

  /**
   * Makes a release the site's live one, in one transaction; a canary of it ends, and so does any candidate. Without
   * bytes it has to lie here. False, and nothing changed, where it does not.
   */
  put(site: string, pointer: ReleasePointer, bytes: Uint8Array | null): boolean {
    return this.#take(site, pointer.digest, bytes, () => {
      this.#sql.exec('DELETE FROM candidates WHERE site = ?', site)
      // Sent again, it must not push the release before it off the shelf.
      if (this.current(site)?.digest === pointer.digest) return
      this.#sql.exec(
        'INSERT INTO releases (site, digest, signature) VALUES (?, ?, ?)',
        ...[site, pointer.digest, pointer.signature],
      )
      this.#sql.exec('DELETE FROM canaries WHERE site = ? AND digest = ?', site, pointer.digest)
    })
  }

  /** Makes a release the site's canary, in place of another; with and without bytes as `put`. */
  putCanary(
    site: string,
    { digest, signature, terms }: CanaryPointer,
    bytes: Uint8Array | null,
  ): boolean {
    return this.#take(site, digest, bytes, () => {
      this.#sql.exec(
        'INSERT OR REPLACE INTO canaries (site, digest, signature, terms) VALUES (?, ?, ?, ?)',
        ...[site, digest, signature, JSON.stringify(terms)],
      )
    })
  }

  /** Makes a release the site's standby, in place of another; with and without bytes as `put`. */
  putStandby(
    site: string,
    { digest, signature }: ReleasePointer,
    bytes: Uint8Array | null,
  ): boolean {
    return this.#take(site, digest, bytes, () => {
      this.#sql.exec('DELETE FROM candidates WHERE site = ?', site)
      if (this.#before(site)?.digest === digest) return
      this.#sql.exec(
        'INSERT INTO candidates (site, digest, signature) VALUES (?, ?, ?)',
        ...[site, digest, signature],
      )
    })
  }

  /** Ends a canary: by the POP itself with how, or by the hub's order with null. */
  endCanary(site: string, ended: CanaryEnd | null): void {
    this.ctx.storage.transactionSync(() => {
      if (ended === null) this.#sql.exec('DELETE FROM canaries WHERE site = ?', site)
      else {
        this.#sql.exec(
          'UPDATE canaries SET ended = ? WHERE site = ? AND digest = ? AND ended IS NULL',
          ...[JSON.stringify(ended), site, ended.digest],
        )
      }
      this.#forgetOld(site)
    })
  }

  state(site: string): ShelfState {
    const [row] = this.#sql
      .exec<{ digest: string; signature: string; terms: string; ended: string | null }>(
        'SELECT digest, signature, terms, ended FROM canaries WHERE site = ?',
        site,
      )
      .toArray()
    const own = { live: this.current(site), standby: this.#candidate(site) ?? this.#before(site) }
    if (!row) return { ...own, canary: null, ended: null }
    const { digest, signature, terms, ended } = row
    if (ended !== null) return { ...own, canary: null, ended: JSON.parse(ended) as CanaryEnd }
    const canary = { digest, signature, terms: JSON.parse(terms) as CanaryTerms }
    return { ...own, canary, ended: null }
  }

  current(site: string): ReleasePointer | null {
    return this.#lives(site)[0] ?? null
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

  /** What was live before the live one. */
  #before(site: string): ReleasePointer | null {
    return this.#lives(site)[1] ?? null
  }

  /** The newest first. */
  #lives(site: string): ReleasePointer[] {
    return this.#sql
      .exec<{ digest: string; signature: string }>(
        'SELECT digest, signature FROM releases WHERE site = ? ORDER BY position DESC LIMIT ?',
        ...[site, releasesKept],
      )
      .toArray()
  }

  #candidate(site: string): ReleasePointer | null {
    const [row] = this.#sql
      .exec<{ digest: string; signature: string }>(
        'SELECT digest, signature FROM candidates WHERE site = ?',
        site,
      )
      .toArray()
    return row ?? null
  }

  /** Keeps the bytes where they are given, and does `work`, in one transaction. False where there are none. */
  #take(site: string, digest: string, bytes: Uint8Array | null, work: () => void): boolean {
    if (bytes === null && !this.#has(site, digest)) return false
    this.ctx.storage.transactionSync(() => {
      if (bytes !== null) this.#keep(site, digest, bytes)
      work()
      this.#forgetOld(site)
    })
    return true
  }

  #has(site: string, digest: string): boolean {
    return (
      this.#sql
        .exec('SELECT 1 FROM chunks WHERE site = ? AND digest = ? LIMIT 1', site, digest)
        .toArray().length > 0
    )
  }

  #keep(site: string, digest: string, bytes: Uint8Array): void {
    for (let number = 0; number * chunkBytes < bytes.length; number++) {
      const chunk = bytes.subarray(number * chunkBytes, (number + 1) * chunkBytes)
      this.#sql.exec(
        'INSERT OR REPLACE INTO chunks (site, digest, number, bytes) VALUES (?, ?, ?, ?)',
        ...[site, digest, number, chunk],
      )
    }
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
       AND digest NOT IN (SELECT digest FROM releases WHERE site = ?1)
       AND digest NOT IN (SELECT digest FROM candidates WHERE site = ?1)
       AND digest NOT IN (SELECT digest FROM canaries WHERE site = ?1 AND ended IS NULL)`,
      site,
    )
  }
}
