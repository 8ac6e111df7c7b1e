DROP TABLE items;
DROP TYPE place;
DROP TYPE mood;
