#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Compares the flow tuples in an Avro file with those counted here from the capture, by corsaro3's rules.

usage: flowtuple.py AVRO CAPTURE [SECONDS]     (Debian's python3-avro; python3-snappy for that codec)
Prints how many agree; ends with 1 and the differences where some do not.
"""
import collections
import os
import sys

from avro.datafile import DataFileReader
from avro.io import DatumReader

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from recover import packets  # noqa: E402

NORMAL = {0x02, 0x10, 0x04, 0x01, 0x03, 0x12, 0x11, 0x18, 0x19}
FIELDS = [("time", "long"), ("src_ip", "long"), ("dst_ip", "long"), ("src_port", "int"), ("dst_port", "int"),
          ("protocol", "int"), ("ttl", "int"), ("tcp_flags", "int"), ("ip_len", "int"), ("tcp_synlen", "int"),
          ("tcp_synwinlen", "int"), ("packet_cnt", "long"), ("is_spoofed", "int"), ("is_masscan", "int"),
          ("maxmind_continent", "string"), ("maxmind_country", "string"), ("netacq_continent", "string"),
          ("netacq_country", "string"), ("prefix2asn", "long")]


def tuple_of(p, seconds):
    body = p.ip[p.header:]
    later = p.fragment & 0x1FFF
    tcp = body if p.protocol == 6 and not later and len(body) >= 20 else None
    flags = tcp[13] if tcp else 0
    offset = (tcp[12] >> 4) * 4 if tcp else 0
    window = int.from_bytes(tcp[14:16], "big") if tcp else 0
    sport, dport = p.sport or 0, p.dport or 0
    if p.protocol == 1 and not later and len(body) >= 2:
        sport, dport = body[0], body[1]
    ttl200 = p.protocol != 1 and p.ttl >= 200
    plain = tcp is not None and flags & 0x12 == 2 and offset == 20 and window == 1024
    if p.protocol in (1, 17, 41):
        abnormal = False
    elif p.protocol != 6:
        abnormal = True
    else:
        abnormal = tcp is not None and len(body) >= offset and flags & 0x3F not in NORMAL
    ports = p.sport is not None
    spoofed = (abnormal or (ttl200 and not plain) or p.fragment & 0x9FFF or p.source & 0xFF in (0, 255)
               or p.source == p.destination or (ports and 0 in (p.sport, p.dport))
               or (p.protocol == 17 and p.dport == 80))
    key = (int(p.time) // seconds * seconds, p.source, p.destination, sport, dport, p.protocol, p.ttl, flags, p.total)
    syn = (offset, window) if tcp and flags == 2 else (0, 0)
    return key, (*syn, int(bool(spoofed)), int(ttl200 and plain))


def main():
    seconds = int(sys.argv[3]) if len(sys.argv) > 3 else 60
    wanted, first = collections.Counter(), {}
    for p in packets(sys.argv[2]):
        key, rest = tuple_of(p, seconds)
        wanted[key] += 1
        first.setdefault(key, rest)
    found, wrong, last = {}, [], None
    with DataFileReader(open(sys.argv[1], "rb"), DatumReader()) as reader:
        schema = reader.datum_reader.writers_schema
        names = [(f.name, f.type.type) for f in schema.fields]
        if (schema.fullname, names) != ("org.caida.corsaro.flowtuple", FIELDS):
            wrong.append(("schema", schema.fullname, names))
        for r in reader:
            key = tuple(r[name] for name, _ in FIELDS[:9])
            found[key] = (r["packet_cnt"], (r["tcp_synlen"], r["tcp_synwinlen"], r["is_spoofed"], r["is_masscan"]))
            place = (r["time"], r["protocol"], r["ttl"], r["tcp_flags"], r["src_ip"], r["dst_ip"], r["src_port"],
                     r["dst_port"], r["ip_len"])
            if last and place <= last:
                wrong.append(("order", last, place))
            last = place
    for key in wanted.keys() | found.keys():
        expected = (wanted.get(key), first.get(key))
        if found.get(key) != expected:
            wrong.append((key, found.get(key), expected))
    for difference in wrong[:10]:
        print(*difference)
    print(len(found) if not wrong else f"{len(wrong)} differences")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
