CREATE TABLE "training_claims" (
	"site" text PRIMARY KEY NOT NULL,
	"token" bigint NOT NULL,
	"expires_at" timestamp (3) with time zone,
	"trained_at" timestamp (3) with time zone
);
