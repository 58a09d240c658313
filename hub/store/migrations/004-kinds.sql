-- Decisions are of several kinds: what is answered beside items is JSON that its kind describes (shared/kinds/).

ALTER TABLE decisions
    ADD COLUMN IF NOT EXISTS kind LowCardinality(String) DEFAULT 'items' AFTER placement,
    ADD COLUMN IF NOT EXISTS answer String DEFAULT '{}' COMMENT 'JSON' AFTER features;

-- A view has the columns that its table had when it was made.
CREATE OR REPLACE VIEW decisions_once AS SELECT * FROM decisions FINAL;
