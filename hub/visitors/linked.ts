import type { Store } from '../store/store.ts'
import type { VisitorName } from './name.ts'

const linkedMax = 1_000

/**
 * Other keys under which the same person may be known, by what the store has: a user on this device's events,
 * devices on which this user was seen, and aliases either way. One step: each key has links of its own.
 */
export async function linkedKeys(name: VisitorName, store: Store): Promise<string[]> {
  const id = name.visitor.slice(2)
  const rows = await store.query<{ linked: string }>(
    `SELECT DISTINCT linked FROM (
       SELECT concat('u:', user_id) AS linked FROM events
         WHERE site = {site:String} AND visitor = {visitor:String} AND user_id != ''
       UNION ALL
       SELECT visitor FROM events
         WHERE site = {site:String} AND user_id = {id:String} AND startsWith({visitor:String}, 'u:')
       UNION ALL
       SELECT arrayJoin([concat('a:', previous), concat('u:', previous)]) FROM (
         SELECT DISTINCT JSONExtractString(traits, 'previousId') AS previous FROM events
         WHERE site = {site:String} AND visitor = {visitor:String} AND type = 'alias')
         WHERE previous != ''
       UNION ALL
       SELECT arrayJoin(if(user_id = '', [visitor], [visitor, concat('u:', user_id)])) FROM events
         WHERE site = {site:String} AND type = 'alias'
           AND JSONExtractString(traits, 'previousId') = {id:String})
     WHERE linked != {visitor:String} ORDER BY linked LIMIT ${linkedMax}`,
    { ...name, id },
  )
  return rows.map(({ linked }) => linked)
}
