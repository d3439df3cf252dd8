-- The first schema. Keys are the tables themselves (WITHOUT ROWID), so a range of time is read in one sweep; an index
-- stands only where a named query would otherwise read a whole table (tests/unit/test_queries.c holds the plans to that).

-- What the store knows about itself: one text per key.
CREATE TABLE meta (
	key TEXT NOT NULL PRIMARY KEY,
	value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE telescope_traffic (
	"sensor" TEXT NOT NULL DEFAULT '',
	"step" INTEGER NOT NULL DEFAULT 0,
	"time" INTEGER NOT NULL DEFAULT 0,
	"traffic" INTEGER NOT NULL DEFAULT 0,
	"category" TEXT NOT NULL DEFAULT '',
	"packets" INTEGER NOT NULL DEFAULT 0,
	"bytes" INTEGER NOT NULL DEFAULT 0,
	"sources" INTEGER NOT NULL DEFAULT 0,
	"error" REAL NOT NULL DEFAULT 0,
	"sketch" BLOB NOT NULL DEFAULT x'',
	PRIMARY KEY ("sensor", "step", "time", "traffic", "category")
) STRICT, WITHOUT ROWID;

CREATE TABLE telescope_port (
	"sensor" TEXT NOT NULL DEFAULT '',
	"step" INTEGER NOT NULL DEFAULT 0,
	"time" INTEGER NOT NULL DEFAULT 0,
	"traffic" INTEGER NOT NULL DEFAULT 0,
	"protocol" INTEGER NOT NULL DEFAULT 0,
	"port" INTEGER NOT NULL DEFAULT 0,
	"class" TEXT NOT NULL DEFAULT '',
	"packets" INTEGER NOT NULL DEFAULT 0,
	"bytes" INTEGER NOT NULL DEFAULT 0,
	"sources" INTEGER NOT NULL DEFAULT 0,
	"error" REAL NOT NULL DEFAULT 0,
	"sketch" BLOB NOT NULL DEFAULT x'',
	PRIMARY KEY ("sensor", "step", "time", "traffic", "protocol", "port")
) STRICT, WITHOUT ROWID;

CREATE TABLE telescope_origin (
	"sensor" TEXT NOT NULL DEFAULT '',
	"step" INTEGER NOT NULL DEFAULT 0,
	"time" INTEGER NOT NULL DEFAULT 0,
	"traffic" INTEGER NOT NULL DEFAULT 0,
	"country" TEXT NOT NULL DEFAULT '',
	"asn" INTEGER NOT NULL DEFAULT 0,
	"as_name" TEXT NOT NULL DEFAULT '',
	"packets" INTEGER NOT NULL DEFAULT 0,
	"sources" INTEGER NOT NULL DEFAULT 0,
	"error" REAL NOT NULL DEFAULT 0,
	"sketch" BLOB NOT NULL DEFAULT x'',
	PRIMARY KEY ("sensor", "step", "time", "traffic", "country", "asn")
) STRICT, WITHOUT ROWID;

CREATE TABLE telescope_source (
	"sensor" TEXT NOT NULL DEFAULT '',
	"time" INTEGER NOT NULL DEFAULT 0,
	"address" BLOB NOT NULL DEFAULT x'',
	"packets" INTEGER NOT NULL DEFAULT 0,
	"scan_packets" INTEGER NOT NULL DEFAULT 0,
	"ports" INTEGER NOT NULL DEFAULT 0,
	"first" INTEGER NOT NULL DEFAULT 0,
	"last" INTEGER NOT NULL DEFAULT 0,
	"categories" TEXT NOT NULL DEFAULT '',
	"tools" TEXT NOT NULL DEFAULT '',
	"research" TEXT NOT NULL DEFAULT '',
	"marks" TEXT NOT NULL DEFAULT '',
	"country" TEXT NOT NULL DEFAULT '',
	"asn" INTEGER NOT NULL DEFAULT 0,
	"as_name" TEXT NOT NULL DEFAULT '',
	"evidence" TEXT NOT NULL DEFAULT '',
	PRIMARY KEY ("sensor", "time", "address")
) STRICT, WITHOUT ROWID;

CREATE TABLE telescope_source_port (
	"sensor" TEXT NOT NULL DEFAULT '',
	"time" INTEGER NOT NULL DEFAULT 0,
	"protocol" INTEGER NOT NULL DEFAULT 0,
	"port" INTEGER NOT NULL DEFAULT 0,
	"address" BLOB NOT NULL DEFAULT x'',
	"packets" INTEGER NOT NULL DEFAULT 0,
	"bytes" INTEGER NOT NULL DEFAULT 0,
	PRIMARY KEY ("sensor", "time", "protocol", "port", "address")
) STRICT, WITHOUT ROWID;

CREATE TABLE telescope_victim (
	"sensor" TEXT NOT NULL DEFAULT '',
	"first" INTEGER NOT NULL DEFAULT 0,
	"address" BLOB NOT NULL DEFAULT x'',
	"protocol" INTEGER NOT NULL DEFAULT 0,
	"last" INTEGER NOT NULL DEFAULT 0,
	"packets" INTEGER NOT NULL DEFAULT 0,
	"bytes" INTEGER NOT NULL DEFAULT 0,
	"peak_60s" INTEGER NOT NULL DEFAULT 0,
	"targets" INTEGER NOT NULL DEFAULT 0,
	"attack_ports" INTEGER NOT NULL DEFAULT 0,
	"target_ports" INTEGER NOT NULL DEFAULT 0,
	"target_port" INTEGER NOT NULL DEFAULT 0,
	"rate" REAL NOT NULL DEFAULT 0,
	"country" TEXT NOT NULL DEFAULT '',
	"asn" INTEGER NOT NULL DEFAULT 0,
	"as_name" TEXT NOT NULL DEFAULT '',
	PRIMARY KEY ("sensor", "first", "address", "protocol")
) STRICT, WITHOUT ROWID;

CREATE TABLE telescope_campaign (
	"sensor" TEXT NOT NULL DEFAULT '',
	"time" INTEGER NOT NULL DEFAULT 0,
	"signature" TEXT NOT NULL DEFAULT '',
	"sources" INTEGER NOT NULL DEFAULT 0,
	"packets" INTEGER NOT NULL DEFAULT 0,
	"protocol" INTEGER NOT NULL DEFAULT 0,
	"port" INTEGER NOT NULL DEFAULT 0,
	"first" INTEGER NOT NULL DEFAULT 0,
	"last" INTEGER NOT NULL DEFAULT 0,
	PRIMARY KEY ("sensor", "time", "signature")
) STRICT, WITHOUT ROWID;

CREATE TABLE telescope_run (
	"sensor" TEXT NOT NULL DEFAULT '',
	"time" INTEGER NOT NULL DEFAULT 0,
	"input" TEXT NOT NULL DEFAULT '',
	"frames" INTEGER NOT NULL DEFAULT 0,
	"packets" INTEGER NOT NULL DEFAULT 0,
	"bytes" INTEGER NOT NULL DEFAULT 0,
	"late" INTEGER NOT NULL DEFAULT 0,
	"first" INTEGER NOT NULL DEFAULT 0,
	"last" INTEGER NOT NULL DEFAULT 0,
	"dropped" TEXT NOT NULL DEFAULT '',
	"dark" INTEGER NOT NULL DEFAULT 0,
	"rules" TEXT NOT NULL DEFAULT '',
	PRIMARY KEY ("sensor", "time", "input")
) STRICT, WITHOUT ROWID;

CREATE TABLE finding (
	"sensor" TEXT NOT NULL DEFAULT '',
	"sense" TEXT NOT NULL DEFAULT '',
	"kind" TEXT NOT NULL DEFAULT '',
	"subject" BLOB NOT NULL DEFAULT x'',
	"first" INTEGER NOT NULL DEFAULT 0,
	"last" INTEGER NOT NULL DEFAULT 0,
	"count" INTEGER NOT NULL DEFAULT 0,
	"confidence" REAL NOT NULL DEFAULT 0,
	"severity" INTEGER NOT NULL DEFAULT 0,
	"reason_en" TEXT NOT NULL DEFAULT '',
	"reason_ja" TEXT NOT NULL DEFAULT '',
	"evidence" TEXT NOT NULL DEFAULT '',
	PRIMARY KEY ("sensor", "sense", "kind", "subject", "first")
) STRICT, WITHOUT ROWID;

-- One port, one country or one network over time; the day rows and hour rows of a page's sources.
CREATE INDEX telescope_port_by_port ON telescope_port (protocol, port, sensor, step, time, traffic);
CREATE INDEX telescope_origin_by_country ON telescope_origin (country, sensor, step, time, traffic);
CREATE INDEX telescope_origin_by_network ON telescope_origin (asn, country, sensor, step, time, traffic);

-- One address.
CREATE INDEX telescope_source_by_address ON telescope_source (address, time);
CREATE INDEX telescope_source_port_by_address ON telescope_source_port (address, time);
CREATE INDEX finding_by_subject ON finding (subject, last);

-- Whether any count is an estimate: empty where all are exact.
CREATE INDEX telescope_traffic_inexact ON telescope_traffic (sensor, step) WHERE error <> 0;

-- The newest.
CREATE INDEX telescope_victim_by_last ON telescope_victim (last);
CREATE INDEX finding_by_last ON finding (last);
