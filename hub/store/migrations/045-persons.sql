-- As in 041, but that a question about one site reads the events of one site: the engine takes a condition past ARRAY JOIN,
-- and not past the function arrayJoin.

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
            SELECT site, former AS visitor, user_id AS user
            FROM
            (
                SELECT site, JSONExtractString(traits, 'previousId') AS previous, user_id
                FROM events
                WHERE type = 'alias' AND user_id != '' AND NOT bot
            )
            ARRAY JOIN [concat('a:', previous), concat('u:', previous)] AS former
            WHERE previous != ''
        )
        WHERE visitor != concat('u:', user)
        GROUP BY site, visitor
        HAVING min(user) = max(user)
    )
)
WHERE visitors <= 100;
