-- An order counts once, however often it was told, and with whoever it is that the visitor is
-- (docs/decisions/041-one-order-one-person.md).

-- Whose a key is: of a device the one user whom its events or an alias name, of a former id the one that an alias names.
-- A key that is nobody's or of several users has no row, nor have keys of a user whom more than 100 name (`guest`).
CREATE OR REPLACE VIEW persons AS
SELECT site, visitor, person
FROM
(
    SELECT site, visitor, person, count() OVER (PARTITION BY site, person) AS visitors
    FROM
    (
        SELECT site, visitor, concat('u:', min(user)) AS person
        FROM
        (
            SELECT site, visitor, user_id AS user
            FROM events
            WHERE user_id != '' AND NOT bot
            UNION ALL
            SELECT site, arrayJoin([concat('a:', previous), concat('u:', previous)]) AS visitor, user_id AS user
            FROM
            (
                SELECT site, JSONExtractString(traits, 'previousId') AS previous, user_id
                FROM events
                WHERE type = 'alias' AND user_id != '' AND NOT bot
            )
            WHERE previous != ''
        )
        WHERE visitor != concat('u:', user)
        GROUP BY site, visitor
        HAVING min(user) = max(user)
    )
)
WHERE visitors <= 100;

-- A row each time that an order was told. `order_id` is the property, in which 7 and "7" are one, or else the event's
-- own id; `told` is the order in which they came, by the clocks of POPs, which no page sets. It reads no table FINAL: a row
-- that is there twice is one order all the same.
CREATE OR REPLACE VIEW orders_told AS
SELECT
    site,
    visitor,
    if(persons.person = '', visitor, persons.person) AS person,
    if(said = '' OR JSONType(properties, 'order_id') NOT IN ('String', 'Int64', 'UInt64', 'Double'),
        message_id, said) AS order_id,
    timestamp,
    spend,
    (received_at, timestamp, message_id) AS told
FROM
(
    SELECT
        site, visitor, message_id, timestamp, received_at, spend, properties,
        trim(BOTH '" ' FROM JSONExtractRaw(properties, 'order_id')) AS said
    FROM events
    WHERE event = 'Order Completed' AND NOT bot
) AS completed
LEFT JOIN persons USING (site, visitor);

-- An order of a person, as it was told first; what it came to, as it was first told with an amount.
CREATE OR REPLACE VIEW orders AS
SELECT
    site,
    person,
    order_id,
    argMin(timestamp, told) AS ordered_at,
    argMin(spend, (spend = 0, told)) AS revenue
FROM orders_told
GROUP BY site, person, order_id;

-- An order and a decision that was shown to the person, as the visitor of the row, at most `days` before it. All of an
-- order goes to the decision shown last (`last_touch` is 1), or the same share to each (`linear_touch`).
CREATE OR REPLACE VIEW touches AS
SELECT
    *,
    toUInt8(row_number() OVER (touched ORDER BY shown_at DESC, decision_id) = 1) AS last_touch,
    1 / count() OVER touched AS linear_touch
FROM
(
    SELECT site, person, visitor, order_id, ordered_at, revenue, decision_id, placement, model, release, shown_at
    FROM orders
    INNER JOIN
    (
        -- DISTINCT takes nothing away: the engine orders joins anew, mixes up columns of one name, and stops at it.
        SELECT DISTINCT
            site, visitor, decision_id, placement, model, release, shown_at,
            if(persons.person = '', visitor, persons.person) AS person
        FROM decisions_shown
        LEFT JOIN persons USING (site, visitor)
        WHERE shown_at IS NOT NULL
    ) AS shown USING (site, person)
    WHERE shown_at <= ordered_at AND shown_at > ordered_at - toIntervalDay({days:UInt32})
)
WINDOW touched AS (PARTITION BY site, person, order_id);

-- A visitor of an experiment: the variant of its first decision, and whether it is the `first` of its person to come in.
-- With the first, and with no other, stands what the person bought in the `days` from then on, as whoever it was, and what
-- was known before of the visitor itself: what is learned later, such as whose it is, must not change that. Whoever was
-- seen in two variants (the parts were changed) has `variants` above 1.
CREATE OR REPLACE VIEW experiment_visitors AS
SELECT
    site,
    experiment,
    visitor,
    person,
    variant,
    variants,
    entered_at,
    first,
    sumIf(ordered, at >= entered_at AND at < entered_at + toIntervalDay({days:UInt32})) AS orders,
    sumIf(brought, at >= entered_at AND at < entered_at + toIntervalDay({days:UInt32})) AS revenue,
    sumIf(viewed, at < entered_at AND at >= entered_at - INTERVAL 30 DAY) AS views_before,
    sumIf(spent, at < entered_at AND at >= entered_at - INTERVAL 30 DAY) AS spend_before
FROM
(
    SELECT
        site, experiment, visitor, person, variant, variants, entered_at,
        row_number() OVER (PARTITION BY site, experiment, person ORDER BY entered_at, visitor) = 1 AS first,
        arrayJoin(if(first, [concat('p:', person), visitor], [''])) AS who
    FROM
    (
        SELECT
            site, experiment, visitor, variant, variants, entered_at,
            if(persons.person = '', visitor, persons.person) AS person
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
        ) AS assigned
        LEFT ANTI JOIN (SELECT DISTINCT site, visitor FROM events WHERE bot) AS bots USING (site, visitor)
        LEFT JOIN persons USING (site, visitor)
    )
) AS entered
LEFT JOIN
(
    SELECT site, concat('p:', person) AS who, ordered_at AS at, 1 AS ordered, revenue AS brought, 0 AS viewed, 0. AS spent
    FROM orders
    UNION ALL
    SELECT site, visitor, argMin(timestamp, told), 0, 0., 0, argMin(spend, (spend = 0, told))
    FROM orders_told
    GROUP BY site, visitor, order_id
    UNION ALL
    SELECT site, visitor, timestamp, 0, 0., 1, 0.
    FROM events_once
    WHERE event = 'Product Viewed' AND NOT bot
) AS acts USING (site, who)
GROUP BY site, experiment, visitor, person, variant, variants, entered_at, first;
