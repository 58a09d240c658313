CREATE TABLE "offer_budgets" (
	"site" text NOT NULL,
	"offer" text NOT NULL,
	"budget" text NOT NULL,
	"granted" bigint DEFAULT 0 NOT NULL,
	"next" bigint DEFAULT 0 NOT NULL,
	CONSTRAINT "offer_budgets_site_offer_budget_pk" PRIMARY KEY("site","offer","budget")
);
--> statement-breakpoint
CREATE TABLE "offer_codes" (
	"site" text NOT NULL,
	"code" text NOT NULL,
	"number" bigint GENERATED ALWAYS AS IDENTITY (sequence name "offer_codes_number_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"offer" text NOT NULL,
	"budget" text NOT NULL,
	"lease" text,
	CONSTRAINT "offer_codes_site_code_pk" PRIMARY KEY("site","code"),
	CONSTRAINT "offer_codes_number_unique" UNIQUE("number")
);
--> statement-breakpoint
CREATE TABLE "offer_leases" (
	"site" text NOT NULL,
	"lease" text NOT NULL,
	"offer" text NOT NULL,
	"budget" text NOT NULL,
	"pop" text NOT NULL,
	"first" bigint NOT NULL,
	"units" integer NOT NULL,
	"used" integer DEFAULT 0 NOT NULL,
	"granted_at" timestamp (3) with time zone NOT NULL,
	"closed_at" timestamp (3) with time zone,
	CONSTRAINT "offer_leases_site_lease_pk" PRIMARY KEY("site","lease")
);
--> statement-breakpoint
CREATE INDEX "offer_codes_budget" ON "offer_codes" USING btree ("site","offer","budget","lease","number");--> statement-breakpoint
CREATE INDEX "offer_leases_budget" ON "offer_leases" USING btree ("site","offer","budget");