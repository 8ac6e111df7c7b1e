ALTER TABLE items ADD COLUMN feeling mood;
CREATE INDEX items_feeling ON items (feeling);
INSERT INTO items (name) VALUES ('first');
