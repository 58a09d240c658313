import { limits } from '#shared/limits.ts'
import { profileFields } from '#shared/profile.ts'

const columns = Object.entries(profileFields).map(([name, { sql }]) => `${sql} AS ${name}`)

/**
 * Profiles of visitors of `{site:String}` as they were known at moments of the past: a row for each row of `asked` (SQL with
 * the columns `visitor` and `as_of`, a DateTime64(3, 'UTC')) of which the store has anything from before it.
 *
 * The events stream past the moments, which are few, and what is kept of a visitor has a bound, whatever it sent.
 *
 * It is what serving reads and what training reads. An event counts when it happened before the moment and had come by
 * then: a row of training never knows what the future brought. One that came long after it happened counts as if it had
 * come at once, as it does when visitors are replayed: history that is imported teaches as if it had been lived through.
 */
export function profilesSql(asked: string): string {
  return `
  SELECT visitor, toUnixTimestamp64Milli(as_of) AS asOf, ${columns.join(', ')}
  FROM (
    SELECT visitor, event, session, timestamp AS at, received_at,
      if(length(items) > 0, JSONExtractString(properties, 'category'), '') AS said,
      if(lengthUTF8(said) <= ${limits.nameCharactersMax}, said, '') AS category,
      toInt64(floor(least(greatest(spend, -1e11), 1e11) * 1000 + 0.5)) AS spend_units
    FROM events_once
    WHERE site = {site:String} AND NOT bot AND visitor IN (SELECT visitor FROM (${asked}))
  ) AS acts
  INNER JOIN (SELECT DISTINCT visitor, as_of FROM (${asked})) AS asked USING (visitor)
  WHERE at < as_of AND (received_at < as_of
    OR toUnixTimestamp64Milli(received_at) - toUnixTimestamp64Milli(at) > ${limits.triggerAgeMsMax})
  GROUP BY visitor, as_of`
}
