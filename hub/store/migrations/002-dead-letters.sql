-- What the hub could not read or store, whole, until it is replayed or discarded. A letter is told by its id;
-- a change of its state is a new row with the next version, and the highest version holds. The hub makes a
-- letter with version 0, so that one made again never undoes what an operator did.

CREATE TABLE IF NOT EXISTS dead_letters
(
    id String COMMENT 'hash of where the record came from',
    site LowCardinality(String) COMMENT 'empty: not known',
    pop LowCardinality(String) COMMENT 'empty: not known',
    visitor String COMMENT 'empty: not known',
    topic LowCardinality(String),
    partition UInt32,
    offset UInt64,
    reason LowCardinality(String),
    detail String,
    record String COMMENT 'as it was in the log',
    encoding LowCardinality(String) COMMENT 'of record: text, or base64 for bytes that are not text',
    origin String COMMENT 'JSON: what replaying it needs',
    at DateTime64(3, 'UTC') COMMENT 'when the log took it',
    attempts UInt32 COMMENT 'replays so far',
    state LowCardinality(String) COMMENT 'waiting, replayed or discarded',
    changed_at DateTime64(3, 'UTC'),
    changed_by String,
    version UInt32,
    stored_at DateTime64(3, 'UTC') DEFAULT now64(3)
)
ENGINE = ReplacingMergeTree(version)
ORDER BY id
SETTINGS non_replicated_deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1;

CREATE VIEW IF NOT EXISTS dead_letters_once AS SELECT * FROM dead_letters FINAL;
