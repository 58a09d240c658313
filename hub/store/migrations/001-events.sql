-- Everything a site's visitors did, were offered, and had refused. The tables hold every row that was ever
-- inserted once; a row that came twice under different tokens is folded by ReplacingMergeTree, in the
-- background for good and at once by the views. The window makes insert tokens work on one machine; the
-- syncs make an insert that was answered survive a power cut, as the offset committed after it does.

CREATE TABLE IF NOT EXISTS events
(
    site LowCardinality(String),
    visitor String,
    message_id String,
    type LowCardinality(String),
    event LowCardinality(String),
    anonymous_id String,
    user_id String,
    timestamp DateTime64(3, 'UTC') COMMENT 'when it happened, corrected for the skew of the device',
    original_timestamp DateTime64(3, 'UTC') COMMENT 'when it happened, as the device said',
    received_at DateTime64(3, 'UTC'),
    session String,
    late Bool,
    bot Bool,
    epoch UInt64,
    sequence UInt64,
    position UInt32,
    pop LowCardinality(String),
    region LowCardinality(String),
    items Array(String),
    properties String COMMENT 'JSON',
    context String COMMENT 'JSON',
    traits String COMMENT 'JSON',
    stored_at DateTime64(3, 'UTC') DEFAULT now64(3)
)
ENGINE = ReplacingMergeTree
ORDER BY (site, visitor, message_id)
SETTINGS non_replicated_deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1;

CREATE TABLE IF NOT EXISTS decisions
(
    site LowCardinality(String),
    decision_id String,
    visitor String,
    at DateTime64(3, 'UTC'),
    placement LowCardinality(String),
    release String COMMENT 'digest',
    model LowCardinality(String),
    fallback LowCardinality(String) COMMENT 'empty: none',
    session String,
    features String COMMENT 'JSON',
    items Array(String),
    scores Array(Float32),
    epoch UInt64,
    sequence UInt64,
    position UInt32,
    pop LowCardinality(String),
    region LowCardinality(String),
    stored_at DateTime64(3, 'UTC') DEFAULT now64(3)
)
ENGINE = ReplacingMergeTree
ORDER BY (site, visitor, decision_id)
SETTINGS non_replicated_deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1;

CREATE TABLE IF NOT EXISTS refusals
(
    site LowCardinality(String),
    at DateTime64(3, 'UTC'),
    pop LowCardinality(String),
    message_id String,
    reason LowCardinality(String),
    field String,
    detail String,
    body String,
    identity String,
    stored_at DateTime64(3, 'UTC') DEFAULT now64(3)
)
ENGINE = ReplacingMergeTree
ORDER BY (site, identity)
SETTINGS non_replicated_deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1;

CREATE VIEW IF NOT EXISTS events_once AS SELECT * FROM events FINAL;

CREATE VIEW IF NOT EXISTS decisions_once AS SELECT * FROM decisions FINAL;

CREATE VIEW IF NOT EXISTS refusals_once AS SELECT * FROM refusals FINAL;
