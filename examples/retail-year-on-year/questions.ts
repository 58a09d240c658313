export interface Question {
  readonly title: string
  readonly sql: string
}

/** What is asked of the store; plain ClickHouse SQL, as an analyst would write it. */
export const questions: readonly Question[] = [
  {
    title: 'The first nine days of December, this year and last: what did we sell?',
    sql: `
      SELECT toYear(timestamp) AS year,
             uniq(JSONExtractString(properties, 'order_id')) AS orders,
             uniqIf(user_id, user_id != '') AS customers,
             round(sumIf(JSONExtractFloat(properties, 'total'), event = 'Order Completed')) AS sold,
             round(sumIf(JSONExtractFloat(properties, 'total'), event = 'Order Refunded')) AS refunded
      FROM events_once
      WHERE site = 'example' AND event IN ('Order Completed', 'Order Refunded')
        AND toMonth(timestamp) = 12 AND toDayOfMonth(timestamp) <= 9
      GROUP BY year ORDER BY year`,
  },
  {
    title: 'Month by month: revenue, and how it grew on the month before',
    sql: `
      SELECT toString(toStartOfMonth(timestamp)) AS month,
             uniq(JSONExtractString(properties, 'order_id')) AS orders,
             round(sum(JSONExtractFloat(properties, 'total'))) AS sold,
             round(100 * (sold / nullIf(any(sold) OVER (
               ORDER BY month ROWS BETWEEN 1 PRECEDING AND 1 PRECEDING), 0) - 1), 1) AS growthPercent
      FROM events_once
      WHERE site = 'example' AND event = 'Order Completed'
      GROUP BY month ORDER BY month`,
  },
  {
    title: 'What sells in December that did not a year ago?',
    sql: `
      SELECT JSONExtractString(product, 'product_id') AS item,
             anyLast(JSONExtractString(product, 'name')) AS name,
             sumIf(units, toYear(timestamp) = 2010) AS units2010,
             sumIf(units, toYear(timestamp) = 2011) AS units2011
      FROM (
        SELECT timestamp, product, JSONExtractInt(product, 'quantity') AS units
        FROM events_once ARRAY JOIN JSONExtractArrayRaw(properties, 'products') AS product
        WHERE site = 'example' AND event = 'Order Completed'
          AND toMonth(timestamp) = 12 AND toDayOfMonth(timestamp) <= 9)
      GROUP BY item HAVING units2010 = 0
      ORDER BY units2011 DESC, item LIMIT 5`,
  },
  {
    title: 'Who bought first in December 2010: how many of them bought again, by quarter?',
    sql: `
      WITH cohort AS (
        SELECT user_id FROM events_once
        WHERE site = 'example' AND event = 'Order Completed' AND user_id != ''
        GROUP BY user_id HAVING min(timestamp) < '2011-01-01 00:00:00')
      SELECT toString(toStartOfQuarter(timestamp)) AS quarter,
             uniq(user_id) AS customers,
             round(100 * customers / (SELECT count() FROM cohort), 1) AS percentOfCohort
      FROM events_once
      WHERE site = 'example' AND event = 'Order Completed' AND user_id IN cohort
      GROUP BY quarter ORDER BY quarter`,
  },
  {
    title: 'Which countries send most of it back?',
    sql: `
      SELECT JSONExtractString(properties, 'country') AS country,
             round(sumIf(JSONExtractFloat(properties, 'total'), event = 'Order Completed')) AS sold,
             round(100 * sumIf(JSONExtractFloat(properties, 'total'), event = 'Order Refunded') / sold, 1)
               AS refundedPercent
      FROM events_once
      WHERE site = 'example' AND event IN ('Order Completed', 'Order Refunded')
      GROUP BY country HAVING sold > 20000
      ORDER BY refundedPercent DESC LIMIT 5`,
  },
]
