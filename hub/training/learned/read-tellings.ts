import type { RowLearning } from '#shared/learning.ts'
import type { Store } from '../../store/store.ts'
import { learningBounds } from './bounds.ts'
import { isWordSql } from './word-sql.ts'

/** That a trait of somebody was told, when (epoch ms), and whether it was told to be so. */
export interface Telling {
  readonly at: number
  readonly isSo: boolean
}

/** What one key or one user was told to be, oldest first; many visitors may share it. */
export type Tellings = readonly Telling[]

/** Users whom the visitors of a page have been. */
const usersSql = (pageSql: string) => `
  SELECT DISTINCT visitor, user_id AS user FROM events_once
  WHERE site = {site:String} AND user_id != '' AND visitor IN (${pageSql})`

/** By whom it was told: a device's own calls, and those of a server that knows the user alone; of each one more than counts. */
const tellingsSql = (pageSql: string) => `
  WITH told AS (
    SELECT visitor, user_id, toUnixTimestamp64Milli(timestamp) AS at,
           JSONExtractRaw(traits, {trait:String}) AS said
    FROM events_once
    WHERE site = {site:String} AND type IN ('identify', 'group')
      AND ${isWordSql('traits', '{trait:String}')}
  )
  SELECT name, groupArray(${learningBounds.tellingsMax + 1})((at, said)) AS told
  FROM (
    SELECT concat('visitor ', visitor) AS name, at, said FROM told WHERE visitor IN (${pageSql})
    UNION ALL
    SELECT concat('user ', user_id) AS name, at, said FROM told
    WHERE user_id IN (SELECT user FROM (${usersSql(pageSql)}))
  )
  GROUP BY name`

type TraitLearning = Extract<RowLearning, { learns: 'trait' }>

interface ToldRow {
  readonly name: string
  readonly told: readonly (readonly [at: number, said: string])[]
}

/**
 * What was told of each visitor of a page, by whoever told it; null of whom more was told than is learned from. Who told is
 * joined here: many visitors may be one user, of whom much was told.
 */
export async function readTellings(
  store: Store,
  pageSql: string,
  { trait, is }: TraitLearning,
  drawing: Record<string, unknown>,
  bounds: Parameters<Store['query']>[2],
): Promise<(visitor: string) => readonly Tellings[] | null> {
  const parameters = { ...drawing, trait }
  const rows = await store.query<ToldRow>(tellingsSql(pageSql), parameters, bounds)
  const users = await store.query<{ visitor: string; user: string }>(
    usersSql(pageSql),
    parameters,
    bounds,
  )
  const usersOf = Map.groupBy(users, ({ visitor }) => visitor)
  const tellingsOf = new Map(rows.map(({ name, told }) => [name, inOrder(told, is)]))
  return (visitor) => {
    const tellers = (usersOf.get(visitor) ?? []).map(({ user }) => `user ${user}`)
    const found = [`visitor ${visitor}`, ...tellers].flatMap((name) => {
      const tellings = tellingsOf.get(name)
      return tellings === undefined ? [] : [tellings]
    })
    return found.some(({ length }) => length > learningBounds.tellingsMax) ? null : found
  }
}

function inOrder(told: ToldRow['told'], is: TraitLearning['is']): Tellings {
  return told
    .map(([at, said]) => ({ at: Number(at), isSo: String(JSON.parse(said)) === String(is) }))
    .toSorted((one, other) => one.at - other.at)
}
