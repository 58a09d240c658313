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
    this.#sql.exec(`CREATE TABLE IF NOT EXISTS arriving (
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

  /** Takes a piece of a release that is arriving, number 0 first; another of the site that was arriving is given up. */
  arrive(site: string, digest: string, number: number, bytes: Uint8Array): void {
    this.ctx.storage.transactionSync(() => {
      if (number === 0) this.#sql.exec('DELETE FROM arriving WHERE site = ?', site)
      this.#sql.exec(
        'INSERT OR REPLACE INTO arriving (site, digest, number, bytes) VALUES (?, ?, ?, ?)',
        ...[site, digest, number, bytes],
      )
    })
  }

  /**
   * Makes a release the site's live one, in one transaction; a canary of it ends, and so does any candidate. All its
   * `bytesTotal` have arrived, or it lies here where that is null. False, and nothing changed, where neither is so.
   */
  put(site: string, pointer: ReleasePointer, bytesTotal: number | null): boolean {
    return this.#take(site, pointer.digest, bytesTotal, () => {
      this.#sql.exec('DELETE FROM candidates WHERE site = ?', site)
      this.#sql.exec('DELETE FROM canaries WHERE site = ? AND digest = ?', site, pointer.digest)
      // Sent again, it must not push the release before it off the shelf.
      if (this.current(site)?.digest === pointer.digest) return
      this.#sql.exec(
        'INSERT INTO releases (site, digest, signature) VALUES (?, ?, ?)',
        ...[site, pointer.digest, pointer.signature],
      )
    })
  }

  /** Makes a release the site's canary, in place of another; arrived or here as in `put`. */
  putCanary(
    site: string,
    { digest, signature, terms }: CanaryPointer,
    bytesTotal: number | null,
  ): boolean {
    return this.#take(site, digest, bytesTotal, () => {
      this.#sql.exec(
        'INSERT OR REPLACE INTO canaries (site, digest, signature, terms) VALUES (?, ?, ?, ?)',
        ...[site, digest, signature, JSON.stringify(terms)],
      )
    })
  }

  /** Makes a release the site's standby, in place of another; arrived or here as in `put`. */
  putStandby(
    site: string,
    { digest, signature }: ReleasePointer,
    bytesTotal: number | null,
  ): boolean {
    return this.#take(site, digest, bytesTotal, () => {
      this.#sql.exec('DELETE FROM candidates WHERE site = ?', site)
      if (this.#before(site)?.digest === digest) return
      this.#sql.exec(
        'INSERT INTO candidates (site, digest, signature) VALUES (?, ?, ?)',
        ...[site, digest, signature],
      )
    })
  }

  /** Ends a canary: by the POP itself with how, where it is that order of it, or by the hub's order with null. */
  endCanary(site: string, ended: CanaryEnd | null): void {
    this.ctx.storage.transactionSync(() => {
      if (ended === null) this.#sql.exec('DELETE FROM canaries WHERE site = ?', site)
      else {
        this.#sql.exec(
          `UPDATE canaries SET ended = ? WHERE site = ? AND digest = ? AND ended IS NULL
           AND json_extract(terms, '$.startedAtMs') = ?`,
          ...[JSON.stringify(ended), site, ended.digest, ended.startedAtMs],
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

  /** How many bytes a release has; null where it is not here. */
  bytesOf(site: string, digest: string): number | null {
    return this.#bytesIn('chunks', site, digest)
  }

  /** A piece of a release, number 0 first; null where it is not here. */
  piece(site: string, digest: string, number: number): Uint8Array | null {
    const [row] = this.#sql
      .exec<{ bytes: ArrayBuffer }>(
        'SELECT bytes FROM chunks WHERE site = ? AND digest = ? AND number = ?',
        ...[site, digest, number],
      )
      .toArray()
    return row ? new Uint8Array(row.bytes) : null
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

  /** Keeps what has arrived, where anything should have, and does `work`, in one transaction. False where it is not there. */
  #take(site: string, digest: string, bytesTotal: number | null, work: () => void): boolean {
    const here = this.#bytesIn(bytesTotal === null ? 'chunks' : 'arriving', site, digest)
    if (here === null || here !== (bytesTotal ?? here)) return false
    this.ctx.storage.transactionSync(() => {
      if (bytesTotal !== null) this.#keepArrived(site, digest)
      work()
      this.#forgetOld(site)
    })
    return true
  }

  #bytesIn(table: 'chunks' | 'arriving', site: string, digest: string): number | null {
    return this.#sql
      .exec<{ total: number | null }>(
        `SELECT sum(length(bytes)) AS total FROM ${table} WHERE site = ? AND digest = ?`,
        ...[site, digest],
      )
      .one().total
  }

  #keepArrived(site: string, digest: string): void {
    this.#sql.exec(
      `INSERT OR REPLACE INTO chunks (site, digest, number, bytes)
       SELECT site, digest, number, bytes FROM arriving WHERE site = ? AND digest = ?`,
      ...[site, digest],
    )
    this.#sql.exec('DELETE FROM arriving WHERE site = ?', site)
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
