-- Packs instead of rows for what the telescope counts (traffic, ports, origins), rolled up to calendar months; gaps of
-- sensors; indexes that cover what lists are sorted by. The rows of the first schema are packed by packs_old.c.

-- Who a pack belongs to. step: 300, 3600, 86400, or rolled up, UTC: 950400 (a third of a month), 2678400 (a calendar
-- month), 7948800 (a quarter).
CREATE TABLE series (
	id INTEGER NOT NULL PRIMARY KEY,
	name TEXT NOT NULL,
	sensor TEXT NOT NULL,
	step INTEGER NOT NULL,
	traffic INTEGER NOT NULL,
	UNIQUE (name, sensor, step, traffic)
) STRICT;

-- Texts that packs name by number: categories, port classes, countries, networks, tools.
CREATE TABLE word (
	id INTEGER NOT NULL PRIMARY KEY,
	text TEXT NOT NULL UNIQUE
) STRICT;

-- All rows of one series and step (pack.h). A rowid, so that parts of a block can be read (sqlite3_blob_open).
CREATE TABLE pack (
	id INTEGER NOT NULL PRIMARY KEY,
	series INTEGER NOT NULL,
	time INTEGER NOT NULL,
	part INTEGER NOT NULL,
	rows INTEGER NOT NULL,
	numbers BLOB NOT NULL,
	sketches BLOB NOT NULL
) STRICT;
CREATE UNIQUE INDEX pack_by_time ON pack (series, time, part);

-- Thirds, months and quarters whose days have changed since they were added up, or that were never added up. turn: the
-- writer's commit that changed them last; none is added up in the same one, so that days written one by one cost it once.
CREATE TABLE rollup_due (
	sensor TEXT NOT NULL,
	step INTEGER NOT NULL,
	time INTEGER NOT NULL,
	turn INTEGER NOT NULL,
	PRIMARY KEY (step, sensor, time)
) STRICT, WITHOUT ROWID;

-- The class of a port in the newest rows.
CREATE TABLE port_class (
	protocol INTEGER NOT NULL,
	port INTEGER NOT NULL,
	class INTEGER NOT NULL,
	PRIMARY KEY (protocol, port)
) STRICT, WITHOUT ROWID;

-- Days of which some count is an estimate.
CREATE TABLE inexact (
	sensor TEXT NOT NULL,
	time INTEGER NOT NULL,
	traffic INTEGER NOT NULL,
	PRIMARY KEY (sensor, time, traffic)
) STRICT, WITHOUT ROWID;

CREATE TABLE sensor_gap (
	"sensor" TEXT NOT NULL DEFAULT '',
	"sense" TEXT NOT NULL DEFAULT '',
	"first" INTEGER NOT NULL DEFAULT 0,
	"cause" TEXT NOT NULL DEFAULT '',
	"last" INTEGER NOT NULL DEFAULT 0,
	"packets" INTEGER NOT NULL DEFAULT 0,
	"text_en" TEXT NOT NULL DEFAULT '',
	"text_ja" TEXT NOT NULL DEFAULT '',
	PRIMARY KEY ("sensor", "sense", "first", "cause")
) STRICT, WITHOUT ROWID;
CREATE INDEX sensor_gap_by_last ON sensor_gap (last);

-- Victims are ranked by packets, findings counted by both of their times.
DROP INDEX telescope_victim_by_last;
CREATE INDEX telescope_victim_by_last ON telescope_victim (last, packets);
DROP INDEX finding_by_last;
CREATE INDEX finding_by_last ON finding (last);
CREATE INDEX finding_by_kind ON finding (kind, last);
