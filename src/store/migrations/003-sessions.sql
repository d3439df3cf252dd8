-- Rows of different sessions (a state that was lost, a capture read in pieces) add up instead of replacing each other.
-- Tables of rows get their column `session` and their parts from the descriptors (schema.c).

-- Whose a pack is; -1: several sessions' together.
ALTER TABLE pack ADD COLUMN session INTEGER NOT NULL DEFAULT 0;

-- What each session has of a step that several have: whole, in one block; `pack` holds their sum, which is what is asked.
CREATE TABLE pack_session (
	id INTEGER NOT NULL PRIMARY KEY,
	series INTEGER NOT NULL,
	time INTEGER NOT NULL,
	session INTEGER NOT NULL,
	numbers BLOB NOT NULL,
	sketches BLOB NOT NULL
) STRICT;
CREATE UNIQUE INDEX pack_session_by_time ON pack_session (series, time, session);
