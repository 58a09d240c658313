-- A push kept its whole vocabulary in its row, up to 16 MB, and nothing ever read it: how many items it had stays.
-- What a row says of a push is not changed by this, so the trigger is out of force for as long as one statement takes.
ALTER TABLE model_versions DISABLE TRIGGER model_versions_append_only;
--> statement-breakpoint
UPDATE model_versions SET declaration = (declaration - 'vocabulary')
  || jsonb_build_object('itemsTotal', jsonb_array_length(declaration -> 'vocabulary'))
  WHERE declaration ? 'vocabulary';
--> statement-breakpoint
ALTER TABLE model_versions ENABLE TRIGGER model_versions_append_only;
