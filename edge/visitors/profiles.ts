import type { Profile } from '#shared/profile.ts'
import type { CoreStorage } from './core.ts'
import type { VisitorName } from './erase.ts'

/** What the store knew of visitors when their sessions began: in a table of its own, so that no commit writes it again. */
export const profileTables = [
  `CREATE TABLE IF NOT EXISTS profiles (
     site TEXT NOT NULL, visitor TEXT NOT NULL, as_of INTEGER NOT NULL, profile TEXT NOT NULL,
     PRIMARY KEY (site, visitor)) WITHOUT ROWID`,
]

/** A visitor whose session began, and the life it belongs to. */
export interface WantedProfile {
  readonly visitor: string
  /** Of the life that wants it: nobody who was erased meanwhile gets it. */
  readonly epoch: number
  readonly asOf: number
}

/** A profile that the hub told, for whoever wanted it. */
export interface ToldProfile extends WantedProfile {
  readonly profile: Profile
}

/** The last that was told, however old. */
export function readProfile({ sql }: CoreStorage, { site, visitor }: VisitorName): Profile | null {
  const [row] = sql
    .exec<{ profile: string }>(
      'SELECT profile FROM profiles WHERE site = ? AND visitor = ?',
      site,
      visitor,
    )
    .toArray()
  return row ? JSON.parse(row.profile) : null
}

/** Inside a transaction: keeps what came for a life that goes on; what is older than what is kept stays out. */
export function keepProfile(
  { sql }: CoreStorage,
  site: string,
  { visitor, epoch, profile }: ToldProfile,
): void {
  sql.exec(
    `INSERT INTO profiles SELECT site, visitor, ?1, ?2 FROM visitors
     WHERE site = ?3 AND visitor = ?4 AND epoch = ?5
     ON CONFLICT DO UPDATE SET as_of = ?1, profile = ?2 WHERE as_of <= ?1`,
    profile.asOf,
    JSON.stringify(profile),
    site,
    visitor,
    epoch,
  )
}

/** Inside a transaction. */
export function eraseProfile({ sql }: CoreStorage, { site, visitor }: VisitorName): void {
  sql.exec('DELETE FROM profiles WHERE site = ? AND visitor = ?', site, visitor)
}

/** Forgets profiles of before a moment: nobody reads them any more. */
export function forgetProfiles({ sql }: CoreStorage, beforeMs: number): void {
  sql.exec('DELETE FROM profiles WHERE as_of < ?', beforeMs)
}
