ALTER TABLE "books" ADD CONSTRAINT "books_author_id_authors_id_fk" FOREIGN KEY ("author_id") REFERENCES "authors"("id") ON DELETE cascade;--> statement-breakpoint
CREATE UNIQUE INDEX "once" ON "books" USING btree ("author_id","title");
