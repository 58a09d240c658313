CREATE TABLE "erasure_confirmations" (
	"number" bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "erasure_confirmations_number_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"erasure" bigint NOT NULL,
	"target" text NOT NULL,
	"at" timestamp (3) with time zone NOT NULL,
	"pop" text,
	"epoch" bigint,
	"found" jsonb NOT NULL
);
--> statement-breakpoint
CREATE TABLE "erasures" (
	"number" bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "erasures_number_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"site" text NOT NULL,
	"visitor" text NOT NULL,
	"at" timestamp (3) with time zone NOT NULL,
	"by" text NOT NULL
);
--> statement-breakpoint
ALTER TABLE "erasure_confirmations" ADD CONSTRAINT "erasure_confirmations_erasure_erasures_number_fk" FOREIGN KEY ("erasure") REFERENCES "public"."erasures"("number") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "erasure_confirmations_erasure" ON "erasure_confirmations" USING btree ("erasure","number");--> statement-breakpoint
CREATE INDEX "erasures_visitor" ON "erasures" USING btree ("site","visitor","number");