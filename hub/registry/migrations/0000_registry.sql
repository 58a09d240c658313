CREATE TABLE "evaluations" (
	"number" bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "evaluations_number_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"digest" text NOT NULL,
	"at" timestamp (3) with time zone NOT NULL,
	"name" text NOT NULL,
	"figures" jsonb NOT NULL
);
--> statement-breakpoint
CREATE TABLE "releases" (
	"number" bigint GENERATED ALWAYS AS IDENTITY (sequence name "releases_number_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"site" text NOT NULL,
	"digest" text NOT NULL,
	"created_at" timestamp (3) with time zone NOT NULL,
	"created_by" text NOT NULL,
	"manifest" jsonb NOT NULL,
	"bytes_total" bigint NOT NULL,
	CONSTRAINT "releases_site_digest_pk" PRIMARY KEY("site","digest"),
	CONSTRAINT "releases_number_unique" UNIQUE("number")
);
--> statement-breakpoint
CREATE TABLE "tag_moves" (
	"number" bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "tag_moves_number_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"site" text NOT NULL,
	"tag" text NOT NULL,
	"digest" text NOT NULL,
	"at" timestamp (3) with time zone NOT NULL,
	"by" text NOT NULL,
	"why" text NOT NULL
);
--> statement-breakpoint
ALTER TABLE "tag_moves" ADD CONSTRAINT "tag_moves_release" FOREIGN KEY ("site","digest") REFERENCES "public"."releases"("site","digest") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "evaluations_digest" ON "evaluations" USING btree ("digest","number");--> statement-breakpoint
CREATE INDEX "releases_digest" ON "releases" USING btree ("digest");--> statement-breakpoint
CREATE INDEX "tag_moves_newest" ON "tag_moves" USING btree ("site","tag","number");