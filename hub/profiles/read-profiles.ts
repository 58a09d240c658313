import { limits } from '#shared/limits.ts'
import {
  newcomer,
  type Profile,
  type ProfileValues,
  profileFields,
  profileNames,
} from '#shared/profile.ts'
import type { Store } from '../store/store.ts'
import { profilesSql } from './profile-sql.ts'

/** A visitor by key, and the moment (epoch ms) before which its profile is to be told. */
export interface AskedProfile {
  readonly visitor: string
  readonly asOf: number
}

/** As `profilesSql` answers. */
export type ProfileRow = AskedProfile & ProfileValues

/** Joined with the events of as many visitors, it answers in milliseconds; what takes longer nobody waits for. */
const timeMaxMs = 5_000
const memoryMbMax = 300

const asked = `
  SELECT pair.1 AS visitor, fromUnixTimestamp64Milli(pair.2, 'UTC') AS as_of
  FROM (SELECT arrayJoin(arrayZip({visitors:Array(String)}, {moments:Array(Int64)})) AS pair)`
const sql = profilesSql(asked)

/** The profiles of visitors of a site, in the order in which they are asked for; of a newcomer that of one. */
export async function readProfiles(
  site: string,
  wanted: readonly AskedProfile[],
  store: Store,
): Promise<Profile[]> {
  const parameters = {
    site,
    visitors: wanted.map(({ visitor }) => visitor),
    moments: wanted.map(({ asOf }) => Math.trunc(asOf)),
  }
  const rows = await store.query<ProfileRow>(sql, parameters, {
    rowsMax: limits.profileBatchMax,
    ...{ timeMaxMs, memoryMbMax },
  })
  const found = new Map(rows.map((row) => [keyOf(row), row]))
  return wanted.map((each) => {
    const row = found.get(keyOf(each))
    return { asOf: each.asOf, values: row === undefined ? newcomer : valuesOf(row) }
  })
}

function keyOf({ visitor, asOf }: AskedProfile): string {
  return JSON.stringify([visitor, Math.trunc(Number(asOf))])
}

/** 64-bit integers may come as text. */
export function valuesOf(row: ProfileRow): ProfileValues {
  return Object.fromEntries(profileNames.map((name) => [name, readValue(name, row[name])]))
}

/** A text that is too long for a feature is none, as a number that JSON has no word for is none. */
function readValue(name: (typeof profileNames)[number], value: unknown): number | string | null {
  if (value === null || value === undefined) return null
  if (profileFields[name].type === 'number') {
    const number = Number(value)
    return Number.isFinite(number) ? number : null
  }
  const text = String(value)
  return text.length <= limits.nameCharactersMax ? text : null
}
