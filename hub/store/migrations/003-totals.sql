-- What the POP counts of a visitor, counted from the events: the same numbers by the same windows. A new row
-- brings its spend from the hub, which reads it as the POP does; one stored before has it from its properties.

ALTER TABLE events ADD COLUMN IF NOT EXISTS spend Float64 DEFAULT if(event = 'Order Completed',
    ifNull(coalesce(
        toFloat64OrNull(trim(BOTH '"' FROM JSONExtractRaw(properties, 'total'))),
        toFloat64OrNull(trim(BOTH '"' FROM JSONExtractRaw(properties, 'revenue')))), 0), 0)
    COMMENT 'total of an order; 0 for every other event';

-- A view has the columns that its table had when it was made.
CREATE OR REPLACE VIEW events_once AS SELECT * FROM events FINAL;

-- A row a visitor and window, at a moment:
-- SELECT * FROM visitor_totals(site = 'demo', at = '2026-01-05 12:00:00.000') WHERE visitor = 'a:me'.
-- Sessions, and how long they lasted until then, are counted where they began, which their name says.
CREATE VIEW IF NOT EXISTS visitor_totals AS
WITH {at:DateTime64(3, 'UTC')} AS told_at
SELECT
    visitor,
    window,
    sum(session_events) AS events,
    sum(session_views) AS views,
    sum(session_carts) AS carts,
    sum(session_purchases) AS purchases,
    sum(session_spend) / 1000 AS spend,
    countIf(began_at >= begins_at) AS sessions,
    sumIf(toUnixTimestamp64Milli(last_at) - began_at, began_at >= begins_at) AS session_ms
FROM
(
    SELECT
        visitor, session, windows.1 AS window, toUnixTimestamp64Milli(any(windows.2)) AS begins_at,
        toInt64OrZero(substring(session, 2)) AS began_at,
        max(timestamp) AS last_at,
        count() AS session_events,
        countIf(event = 'Product Viewed') AS session_views,
        countIf(event = 'Product Added') AS session_carts,
        countIf(event = 'Order Completed') AS session_purchases,
        sum(toInt64(floor(least(greatest(spend, -1e11), 1e11) * 1000 + 0.5))) AS session_spend
    FROM events_once
    ARRAY JOIN [
        ('1m', toStartOfSecond(told_at - INTERVAL 1 MINUTE)),
        ('1h', toDateTime64(toStartOfMinute(told_at - INTERVAL 1 HOUR), 3, 'UTC')),
        ('1d', toDateTime64(toStartOfHour(told_at - INTERVAL 1 DAY), 3, 'UTC')),
        ('30d', toDateTime64(toStartOfDay(told_at - INTERVAL 30 DAY), 3, 'UTC'))] AS windows
    WHERE site = {site:String} AND timestamp <= told_at AND timestamp >= windows.2
    GROUP BY visitor, session, window
)
GROUP BY visitor, window
ORDER BY visitor, indexOf(['1m', '1h', '1d', '30d'], window);
