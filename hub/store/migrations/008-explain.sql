-- What deciding read beside the features, and what each rule did: enough to decide the same again. Scores are
-- kept as they were answered, to the bit.

ALTER TABLE decisions
    ADD COLUMN IF NOT EXISTS inputs String DEFAULT '{}' COMMENT 'JSON' AFTER features,
    ADD COLUMN IF NOT EXISTS effects String DEFAULT '[]' COMMENT 'JSON: rules that did something' AFTER inputs,
    MODIFY COLUMN scores Array(Float64);

-- A view has the columns that its table had when it was made.
CREATE OR REPLACE VIEW decisions_once AS SELECT * FROM decisions FINAL;
