CREATE TABLE "training_steps" (
	"number" bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "training_steps_number_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"training" bigint NOT NULL,
	"at" timestamp (3) with time zone NOT NULL,
	"step" text NOT NULL,
	"end" jsonb
);
--> statement-breakpoint
CREATE TABLE "trainings" (
	"number" bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "trainings_number_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"site" text NOT NULL,
	"by" text NOT NULL,
	"at" timestamp (3) with time zone NOT NULL
);
--> statement-breakpoint
ALTER TABLE "training_steps" ADD CONSTRAINT "training_steps_training_trainings_number_fk" FOREIGN KEY ("training") REFERENCES "public"."trainings"("number") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "training_steps_training" ON "training_steps" USING btree ("training","number");--> statement-breakpoint
CREATE INDEX "trainings_site" ON "trainings" USING btree ("site","number");--> statement-breakpoint
-- As all of the registry: added, never changed.
CREATE TRIGGER trainings_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON trainings
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
--> statement-breakpoint
CREATE TRIGGER training_steps_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON training_steps
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
