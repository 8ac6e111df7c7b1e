CREATE TYPE "mood" AS ENUM('sad', 'happy');--> statement-breakpoint
CREATE TABLE "authors" (
	"id" integer PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
	"name" varchar(80) NOT NULL,
	"feeling" "mood",
	"doc" jsonb,
	"tags" text[],
	"key" uuid,
	"born" date,
	"seen" timestamp with time zone,
	"big" bigint,
	"ratio" double precision,
	"active" boolean DEFAULT true,
	"photo" bytea,
	CONSTRAINT "authors_name_unique" UNIQUE("name")
);
--> statement-breakpoint
CREATE TABLE "books" (
	"id" serial PRIMARY KEY NOT NULL,
	"title" text NOT NULL,
	"price" numeric(8, 2),
	"author_id" integer NOT NULL,
	CONSTRAINT "not_negative" CHECK ("books"."price" >= 0)
);
