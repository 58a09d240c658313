-- Whose a refused event was; rows of before name them in their bodies alone.

ALTER TABLE refusals ADD COLUMN IF NOT EXISTS visitors Array(String) AFTER message_id;

-- A view has the columns that its table had when it was made.
CREATE OR REPLACE VIEW refusals_once AS SELECT * FROM refusals FINAL;
