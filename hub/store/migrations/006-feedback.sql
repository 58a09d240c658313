-- Who was shown what, what they did then, and whether it paid. Bots are left out. Parameters in brackets are
-- given where a view is read: SELECT * FROM touches(days = 7).

CREATE OR REPLACE VIEW decisions_once AS SELECT * FROM decisions FINAL;

-- A decision, and when it was shown: the time of an event `Decision Shown` whose property `decisionId` names it;
-- NULL where it was answered and never shown.
CREATE VIEW IF NOT EXISTS decisions_shown AS
SELECT decisions_once.*, exposures.shown_at AS shown_at
FROM decisions_once
LEFT JOIN
(
    SELECT
        site,
        JSONExtractString(properties, 'decisionId') AS decision_id,
        toNullable(min(timestamp)) AS shown_at
    FROM events_once
    WHERE event = 'Decision Shown' AND NOT bot
    GROUP BY site, decision_id
) AS exposures USING (site, decision_id);

CREATE VIEW IF NOT EXISTS orders AS
SELECT site, visitor, message_id AS order_id, timestamp AS ordered_at, spend AS revenue
FROM events_once
WHERE event = 'Order Completed' AND NOT bot;

-- An order and a decision that was shown to the visitor at most `days` before it. All of an order goes to the
-- decision shown last (`last_touch` is 1), or the same share to each (`linear_touch`).
CREATE VIEW IF NOT EXISTS touches AS
SELECT
    *,
    toUInt8(row_number() OVER (touched ORDER BY shown_at DESC, decision_id) = 1) AS last_touch,
    1 / count() OVER touched AS linear_touch
FROM
(
    SELECT site, visitor, order_id, ordered_at, revenue, decision_id, placement, model, release, shown_at
    FROM orders
    INNER JOIN decisions_shown USING (site, visitor)
    WHERE shown_at <= ordered_at AND shown_at > ordered_at - toIntervalDay({days:UInt32})
)
WINDOW touched AS (PARTITION BY site, visitor, order_id);

-- What decisions brought in, by day, placement and model. It tells what happened after them, not because of
-- them: that is what an experiment tells.
CREATE VIEW IF NOT EXISTS returns AS
SELECT
    site,
    toDate(at) AS day,
    placement,
    model,
    count() AS decisions,
    countIf(shown_at IS NOT NULL) AS shown,
    sum(brought.last_orders) AS last_orders,
    sum(brought.linear_orders) AS linear_orders,
    sum(brought.last_revenue) AS last_revenue,
    sum(brought.linear_revenue) AS linear_revenue
FROM decisions_shown
LEFT JOIN
(
    SELECT
        site,
        decision_id,
        sum(last_touch) AS last_orders,
        sum(linear_touch) AS linear_orders,
        sum(last_touch * revenue) AS last_revenue,
        sum(linear_touch * revenue) AS linear_revenue
    FROM touches(days = {days:UInt32})
    GROUP BY site, decision_id
) AS brought USING (site, decision_id)
GROUP BY site, day, placement, model;

-- A visitor of an experiment: the variant of the first decision, what was bought in the `days` from then on, and
-- what was known before. Whoever was seen in two variants (the parts were changed) has `variants` above 1.
CREATE VIEW IF NOT EXISTS experiment_visitors AS
SELECT
    site,
    experiment,
    visitor,
    variant,
    variants,
    entered_at,
    countIf(event = 'Order Completed' AND timestamp >= entered_at
        AND timestamp < entered_at + toIntervalDay({days:UInt32})) AS orders,
    sumIf(spend, timestamp >= entered_at AND timestamp < entered_at + toIntervalDay({days:UInt32})) AS revenue,
    countIf(event = 'Product Viewed' AND timestamp < entered_at
        AND timestamp >= entered_at - INTERVAL 30 DAY) AS views_before,
    sumIf(spend, timestamp < entered_at AND timestamp >= entered_at - INTERVAL 30 DAY) AS spend_before
FROM
(
    SELECT
        site,
        assigned.1 AS experiment,
        visitor,
        argMin(assigned.2, (at, decision_id)) AS variant,
        uniqExact(assigned.2) AS variants,
        min(at) AS entered_at
    FROM decisions_once
    ARRAY JOIN JSONExtractKeysAndValues(features, 'variants', 'String') AS assigned
    GROUP BY site, experiment, visitor
) AS entered
LEFT JOIN
(
    SELECT site, visitor, event, timestamp, spend, bot
    FROM events_once
    WHERE event IN ('Order Completed', 'Product Viewed') OR bot
) AS acts USING (site, visitor)
GROUP BY site, experiment, visitor, variant, variants, entered_at
HAVING max(bot) = 0;
