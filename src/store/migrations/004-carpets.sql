-- SPDX-License-Identifier: Apache-2.0
-- A victim may be a network: its prefix length is part of the key.
ALTER TABLE telescope_victim RENAME TO telescope_victim_of_hosts;
CREATE TABLE telescope_victim (
	"sensor" TEXT NOT NULL DEFAULT '',
	"first" INTEGER NOT NULL DEFAULT 0,
	"address" BLOB NOT NULL DEFAULT x'',
	"protocol" INTEGER NOT NULL DEFAULT 0,
	"prefix_length" INTEGER NOT NULL DEFAULT 0,
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
	"addresses" INTEGER NOT NULL DEFAULT 0,
	PRIMARY KEY ("sensor", "first", "address", "protocol", "prefix_length")
) STRICT, WITHOUT ROWID;
INSERT INTO telescope_victim ("sensor", "first", "address", "protocol", "prefix_length", "last", "packets",
	"bytes", "peak_60s", "targets", "attack_ports", "target_ports", "target_port", "rate", "country", "asn",
	"as_name", "addresses")
SELECT "sensor", "first", "address", "protocol",
	CASE WHEN substr("address", 1, 12) = x'00000000000000000000ffff' THEN 32 ELSE 128 END, "last", "packets",
	"bytes", "peak_60s", "targets", "attack_ports", "target_ports", "target_port", "rate", "country", "asn",
	"as_name", 1
FROM telescope_victim_of_hosts;
DROP TABLE telescope_victim_of_hosts;
CREATE INDEX telescope_victim_by_last ON telescope_victim (last, packets);
