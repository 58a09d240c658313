-- What an answer said of its items beside ids and scores, each in the order of `items`, and which event set a decision off:
-- a webhook says what the answer said. Decisions of before have neither.

ALTER TABLE decisions
    ADD COLUMN IF NOT EXISTS message_id String COMMENT 'of the event that set it off; empty: it was asked for' AFTER at,
    ADD COLUMN IF NOT EXISTS named_by Array(LowCardinality(String)) COMMENT 'model, popularity or pin' CODEC(ZSTD(1)) AFTER scores,
    ADD COLUMN IF NOT EXISTS names Array(Nullable(String)) COMMENT 'as the catalogue had them then' CODEC(ZSTD(1)) AFTER named_by,
    ADD COLUMN IF NOT EXISTS categories Array(LowCardinality(Nullable(String))) CODEC(ZSTD(1)) AFTER names,
    ADD COLUMN IF NOT EXISTS prices Array(Nullable(Float64)) CODEC(ZSTD(1)) AFTER categories;

-- A view has the columns that its table had when it was made.
CREATE OR REPLACE VIEW decisions_once AS SELECT * FROM decisions FINAL;
