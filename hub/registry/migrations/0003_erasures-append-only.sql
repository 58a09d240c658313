-- Who was to be erased when, and who has done it, is said for ever, as all of the registry is.
CREATE TRIGGER erasures_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON erasures
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
--> statement-breakpoint
CREATE TRIGGER erasure_confirmations_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON erasure_confirmations
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
