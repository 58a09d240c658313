CREATE TABLE "model_judgements" (
	"number" bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "model_judgements_number_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"site" text NOT NULL,
	"name" text NOT NULL,
	"version" integer NOT NULL,
	"at" timestamp (3) with time zone NOT NULL,
	"what" text NOT NULL,
	"passed" boolean NOT NULL,
	"code" text,
	"reason" text NOT NULL,
	"figures" jsonb NOT NULL,
	"release" text
);
--> statement-breakpoint
CREATE TABLE "model_versions" (
	"number" bigint GENERATED ALWAYS AS IDENTITY (sequence name "model_versions_number_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"site" text NOT NULL,
	"name" text NOT NULL,
	"version" integer NOT NULL,
	"digest" text NOT NULL,
	"declaration" jsonb NOT NULL,
	"bytes_total" bigint NOT NULL,
	"at" timestamp (3) with time zone NOT NULL,
	"by" text NOT NULL,
	"why" text NOT NULL,
	CONSTRAINT "model_versions_site_name_version_pk" PRIMARY KEY("site","name","version"),
	CONSTRAINT "model_versions_number_unique" UNIQUE("number")
);
--> statement-breakpoint
CREATE TABLE "pop_reports" (
	"number" bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "pop_reports_number_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"site" text NOT NULL,
	"pop" text NOT NULL,
	"digest" text NOT NULL,
	"at" timestamp (3) with time zone NOT NULL,
	"reason" text NOT NULL,
	"figures" jsonb NOT NULL
);
--> statement-breakpoint
ALTER TABLE "tag_moves" ADD COLUMN "share" double precision;--> statement-breakpoint
ALTER TABLE "model_judgements" ADD CONSTRAINT "model_judgements_of" FOREIGN KEY ("site","name","version") REFERENCES "public"."model_versions"("site","name","version") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "model_judgements_version" ON "model_judgements" USING btree ("site","name","version","number");--> statement-breakpoint
CREATE INDEX "pop_reports_site" ON "pop_reports" USING btree ("site","number");--> statement-breakpoint
-- As all of the registry: added, never changed.
CREATE TRIGGER model_versions_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON model_versions
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
--> statement-breakpoint
CREATE TRIGGER model_judgements_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON model_judgements
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
--> statement-breakpoint
CREATE TRIGGER pop_reports_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON pop_reports
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
