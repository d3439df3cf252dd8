#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes the first inputs of the fuzz targets into corpus/. All bytes are made here.

Run in tests/fuzz after a change; the files are committed, so that the test run needs no Python.
"""
import base64
import bz2
import gzip
import lzma
import os
import shutil
import struct
import subprocess
import zlib

SOURCE, DARK = bytes([198, 51, 100, 7]), bytes([192, 0, 2, 9])
SOURCE6, DARK6 = bytes.fromhex("20010db8" + "00" * 11 + "07"), bytes.fromhex("20010db8" + "00" * 11 + "09")
SECONDS = 1700000000


def write(target, name, data):
    os.makedirs(f"corpus/{target}", exist_ok=True)
    with open(f"corpus/{target}/{name}", "wb") as file:
        file.write(data)


# --- packets ---

def ip4(protocol, payload, fragment=0, ttl=55, total=None, source=SOURCE, destination=DARK, options=b""):
    total = 20 + len(options) + len(payload) if total is None else total
    first = 0x45 + len(options) // 4
    return struct.pack(">BBHHHBBH", first, 0, total, 54321, fragment, ttl, protocol, 0) + source + destination + \
        options + payload


def ip6(next_header, payload, length=None):
    return struct.pack(">IHBB", 6 << 28, len(payload) if length is None else length, next_header, 64) + SOURCE6 + \
        DARK6 + payload


def tcp(flags=2, options=b"", offset=None, sport=40000, dport=23):
    offset = 5 + len(options) // 4 if offset is None else offset
    return struct.pack(">HHIIBBHHH", sport, dport, 0xc0000209, 0, offset << 4, flags, 65535, 0, 0) + options


def udp(payload=b"", sport=53, dport=4444, length=None):
    return struct.pack(">HHHH", sport, dport, 8 + len(payload) if length is None else length, 0) + payload


def icmp(kind, code, payload=b""):
    return struct.pack(">BBHI", kind, code, 0, 0) + payload


def ethernet(payload, kind=0x0800, tags=b""):
    return bytes(12) + tags + struct.pack(">H", kind) + payload


STAMP = struct.pack(">I", SECONDS)
OPTIONS = {
    "mss": bytes.fromhex("020405b4"),
    "zmap-windows": bytes.fromhex("020405b40103030801010402"),
    "zmap-linux": bytes.fromhex("020405b40402080a") + STAMP + bytes(4) + bytes.fromhex("01030307"),
    "zmap-bsd": bytes.fromhex("020405b4010303060101080a") + STAMP + bytes(4) + bytes.fromhex("04020000"),
    "broken": bytes.fromhex("0204ffff03ff0000"),
}
QUOTED = ip4(6, tcp()[:8], source=DARK, destination=SOURCE)
VXLAN = bytes([8, 0, 0, 0, 0, 0, 1, 0])
FRAMES = {  # name: (link type, tunnel ends, frame)
    "tcp": (1, 0, ethernet(ip4(6, tcp())) + bytes(6)),
    "mirai-offset": (1, 0, ethernet(ip4(6, tcp(offset=6))) + bytes(6)),
    "udp-dns": (1, 0, ethernet(ip4(17, udp(bytes.fromhex("123481800001000100000000037777770000010001c00c"))))),
    "udp-length": (1, 0, ethernet(ip4(17, udp(bytes(4), length=7)))),
    "icmp-echo": (1, 0, ethernet(ip4(1, icmp(8, 0)))),
    "icmp-quote": (1, 0, ethernet(ip4(1, icmp(3, 3, QUOTED)))),
    "icmp-forged": (1, 0, ethernet(ip4(1, icmp(3, 3, ip4(17, udp(), source=bytes(4)))))),
    "icmp6-quote": (1, 0, ethernet(ip6(58, icmp(1, 4, ip6(6, tcp()))), 0x86dd)),
    "fragment-first": (1, 0, ethernet(ip4(17, udp(bytes(8)), fragment=0x2000))),
    "fragment-later": (1, 0, ethernet(ip4(17, udp(bytes(8)), fragment=0x0010))),
    "total-0": (1, 0, ethernet(ip4(6, tcp(), total=0))),
    "total-5": (1, 0, ethernet(ip4(6, tcp(), total=5))),
    "ip-options": (1, 0, ethernet(ip4(6, tcp(), options=bytes([7, 7, 4, 0, 0, 0, 0, 0])))),
    "cut-14": (1, 0, ethernet(ip4(6, tcp()))[:48]),
    "vlan": (1, 0, ethernet(ip4(6, tcp()), tags=bytes.fromhex("81000001"))),
    "qinq": (1, 0, ethernet(ip4(6, tcp()), tags=bytes.fromhex("88a8000181000002"))),
    "tags-9": (1, 0, ethernet(ip4(6, tcp()), tags=bytes.fromhex("81000001") * 9)),
    "mpls": (1, 0, ethernet(bytes.fromhex("0001004000011140") + ip4(1, icmp(8, 0)), 0x8847)),
    "mpls-wire": (1, 0, ethernet(bytes.fromhex("0001014000000000") + ethernet(ip4(6, tcp())), 0x8847)),
    "pppoe": (1, 0, ethernet(bytes.fromhex("1100000100300021") + ip4(6, tcp()), 0x8864)),
    "snap": (1, 0, ethernet(bytes.fromhex("aaaa030000000800") + ip4(6, tcp()), 0x0030)),
    "arp": (1, 0, ethernet(bytes(28), 0x0806)),
    "ip6": (1, 0, ethernet(ip6(6, tcp()), 0x86dd)),
    "ip6-headers": (1, 0, ethernet(ip6(0, bytes([43] + [0] * 7) + bytes([44] + [0] * 7) + bytes([60, 0, 0, 1] + [0] * 4) +
                                       bytes([6] + [0] * 7) + tcp()), 0x86dd)),
    "null": (0, 0, struct.pack("<I", 2) + ip4(6, tcp())),
    "loop": (108, 0, struct.pack(">I", 24) + ip6(6, tcp())),
    "raw": (101, 0, ip4(17, udp())),
    "sll": (113, 0, bytes(14) + b"\x08\0" + ip4(6, tcp())),
    "sll2": (276, 0, b"\x86\xdd" + bytes(18) + ip6(17, udp())),
    "gre": (1, 1, ethernet(ip4(47, bytes.fromhex("b0000800") + bytes(12) + ip4(6, tcp())))),
    "erspan-1": (1, 1, ethernet(ip4(47, bytes.fromhex("000088be") + ethernet(ip4(6, tcp()))))),
    "erspan-2": (1, 1, ethernet(ip4(47, bytes.fromhex("100088be") + bytes(12) + ethernet(ip4(6, tcp()))))),
    "erspan-3": (1, 1, ethernet(ip4(47, bytes.fromhex("100022eb") + bytes(15) + b"\1" + bytes(8) + ethernet(ip6(6, tcp()), 0x86dd)))),
    "vxlan": (1, 1, ethernet(ip4(17, udp(VXLAN + ethernet(ip4(6, tcp())), dport=4789)))),
    "vxlan-deep": (1, 1, ethernet(ip4(17, udp(VXLAN + ethernet(ip4(47, bytes.fromhex("00000800") + ip4(
        47, bytes.fromhex("00000800") + ip4(47, bytes.fromhex("00000800") + ip4(6, tcp()))))), dport=4789)))),
}
for name, options in OPTIONS.items():
    FRAMES["options-" + name] = (1, 0, ethernet(ip4(6, tcp(options=options))))

for name, (link, tunnel, frame) in FRAMES.items():
    write("packet", name, struct.pack(">HBB", link, 2 * tunnel, 0) + frame)

# --- payloads: source port, destination port, payload, IP length where it is not the true one ---

PAYLOADS = {
    "dns": (53, 4444, bytes.fromhex("123481800001000100000000037777770000010001c00c00010001")),
    "dns-query": (53, 53, bytes.fromhex("123401000001000000000000037777770000010001")),
    "ntp": (123, 4444, bytes([0x24, 2, 6, 0xe9]) + bytes(44)),
    "ntp-control": (123, 4444, bytes([0x16, 0x82]) + bytes(14)),
    "ntp-private": (123, 4444, bytes([0xd7, 0, 3, 0x2a]) + bytes(72)),
    "snmp": (161, 4444, bytes.fromhex("302602010104067075626c6963a219020101020100020100300e300c06082b060102010101000500")),
    "snmp-3": (161, 4444, bytes.fromhex("302b020103300d02010102020578040100020103040030170405800000000004 00a80c0201000201000201003000".replace(" ", ""))),
    "cldap": (389, 4444, bytes.fromhex("308400000010020107648400000007040030840000000065")),
    "quic-versions": (443, 4444, bytes.fromhex("80000000000008010203040506070800000001")),
    "quic-initial": (443, 4444, bytes.fromhex("c000000001000801020304050607080040")),
    "quic-2": (443, 4444, bytes.fromhex("d06b3343cf00080102030405060708004075")),
    "ssdp": (1900, 4444, b"HTTP/1.1 200 OK\r\nST: upnp:rootdevice\r\n"),
    "memcached": (11211, 4444, bytes.fromhex("0001000000020000") + b"STAT pid 1\r\n"),
    "udp-0x31": (4444, 4444, bytes(8) + b"1" + bytes(21)),
    "sip": (5060, 5060, b"SIP/2.0 200 OK\r\n"),
    "netbios": (137, 137, bytes(12) + b" CKAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\0\0!\0\1"),
    "bittorrent-dht": (6881, 6881, b"d1:ad2:id20:aaaaaaaaaaaaaaaaaaaae1:q4:ping1:t2:aa1:y1:qe"),
    "bittorrent-hello": (6881, 6881, bytes(20) + b"\x13BitTorrent protocol"),
    "bittorrent-utp": (6881, 6881, b"\x41\x02" + bytes(18) + b"\0\x08" + bytes(8)),
    "bittorrent-61": (6881, 6881, bytes(12) + bytes.fromhex("7fffffffab020400010000000800000000000000") + b"\0"),
}
for name, (sport, dport, payload) in PAYLOADS.items():
    write("payload", name, struct.pack(">HHH", sport, dport, 28 + len(payload)) + payload)

# --- files ---

SAMPLE = [FRAMES[n][2] for n in ("tcp", "udp-dns", "icmp-quote", "ip6")]


def pcap(order="<", magic=0xa1b2c3d4, records=SAMPLE, extra=b""):
    out = struct.pack(order + "IHHIIII", magic, 2, 4, 0, 0, 65535, 1)
    for i, r in enumerate(records):
        out += struct.pack(order + "IIII", SECONDS + i, i, len(r), len(r) + 4) + extra + r
    return out


def block(order, kind, body):
    body += bytes(-len(body) % 4)
    return struct.pack(order + "II", kind, len(body) + 12) + body + struct.pack(order + "I", len(body) + 12)


def pcapng(order="<"):
    out = block(order, 0x0a0d0d0a, struct.pack(order + "IHHq", 0x1a2b3c4d, 1, 0, -1))
    out += block(order, 1, struct.pack(order + "HHI", 1, 0, 96))
    out += block(order, 1, struct.pack(order + "HHI", 101, 0, 0) + struct.pack(order + "HHB3xHHqHH", 9, 1, 0x8a, 14, 8, 7, 0, 0))
    out += block(order, 0x0bad, b"custom")
    out += block(order, 4, bytes(4))
    for i, frame in enumerate(SAMPLE):
        units = (SECONDS + i) * 1000000
        out += block(order, 6, struct.pack(order + "IIIII", 0, units >> 32, units & 0xffffffff, len(frame), len(frame)) + frame)
    raw = FRAMES["raw"][2]
    out += block(order, 2, struct.pack(order + "HHIIII", 1, 0, 0, SECONDS << 10 & 0xffffffff, len(raw), len(raw)) + raw)
    out += block(order, 3, struct.pack(order + "I", len(SAMPLE[0])) + SAMPLE[0])
    return out


def erf():
    out = b""
    for i, frame in enumerate(SAMPLE):
        body = bytes(2) + frame
        body += bytes(-len(body) % 8)
        out += struct.pack("<IIBB", i << 20, SECONDS + i, 2, 4) + struct.pack(">HHH", 16 + len(body), 0, len(frame)) + body
    raw = FRAMES["raw"][2]
    out += struct.pack("<IIBB", 0, SECONDS, 0x80 | 22, 4) + struct.pack(">HHH", 24 + len(raw), 0, len(raw)) + bytes(8) + raw
    out += struct.pack("<IIBB", 0, SECONDS, 0x80 | 27, 0) + struct.pack(">HHH", 40, 0, 0) + bytes(24)
    return out + struct.pack("<IIBB", 0, SECONDS, 48, 0) + struct.pack(">HHH", 16, 0, 0)


DAMAGED = pcap()[:24] + struct.pack("<IIII", SECONDS, 0, 1 << 30, 60) + bytes(70) + pcap()[24:] + pcap()[24:]
PCAPS = {
    "us": pcap(), "swapped": pcap(">"), "ns": pcap(magic=0xa1b23c4d), "modified": pcap(magic=0xa1b2cd34, extra=bytes(8)),
    "modified-swapped": pcap(">", 0xa1b2cd34, extra=bytes(8)), "damaged": DAMAGED,
}
for name, data in PCAPS.items():
    write("pcap", name, data)
for name, order in (("little", "<"), ("big", ">")):
    write("pcapng", name, b"\x80" + pcapng(order))
write("pcapng", "sections", b"\x40" + pcapng("<") + pcapng(">"))
write("pcapng", "interface-unknown", b"\xc0" + pcapng()[:28] + block("<", 6, bytes(20)) + block("<", 3, bytes(8)))
write("pcapng", "long-block", b"\x40" + pcapng() + struct.pack("<II", 0x0bad, 1 << 20) + bytes(64))
write("erf", "all", erf())

write("capture", "pcap", pcap())
write("capture", "pcap-damaged", DAMAGED)
write("capture", "pcapng", pcapng(">"))
write("capture", "erf", erf())
write("capture", "gzip", gzip.compress(pcap(), mtime=0))
write("capture", "gzip-members", gzip.compress(pcap(), mtime=0) + gzip.compress(pcap()[24:], mtime=0) + bytes(32))
write("capture", "gzip-cut", gzip.compress(pcap(), mtime=0)[:-9])
write("capture", "bzip2", bz2.compress(pcapng()))
write("capture", "xz", lzma.compress(erf()))
if shutil.which("zstd"):
    write("capture", "zstd", subprocess.run(["zstd", "-qc"], input=pcap(), stdout=subprocess.PIPE, check=True).stdout)
write("capture", "zip", b"PK\3\4" + bytes(60))
write("capture", "text", b"12:00:00.000000 IP 198.51.100.7.40000 > 192.0.2.9.23: Flags [S]\n")

# --- words, configuration, lists, classes, sketches ---

TEXTS = {
    "time": "2026-01-02T03:04:05.000006Z", "time-offset": "2024-02-29t23:59:60.999999999+09:00", "date": "0001-01-01",
    "time-last": "9999-12-31T23:59:59.999999Z", "unix": "1700000000.5", "unix-first": "-9223372036853", "minus": "-0.5",
    "duration": "90s", "duration-days": "106751991d", "duration-long": "9223372036855",
    "ipv4": "192.0.2.9", "ipv6": "2001:db8:0:0:1::7", "ipv6-mapped": "::ffff:192.0.2.9", "ipv6-zeros": "1:0:0:2:0:0:0:3",
    "prefix": "192.0.2.0/24", "prefix-all": "0.0.0.0/0", "prefix6": "2001:db8::/32", "prefix6-all": "::/0",
    "prefix-mapped": "::ffff:0:0/96", "prefix-host-bits": "192.0.2.9/24", "prefix-long": "::/129",
    "japanese": "\u30c0\u30fc\u30af\u30cd\u30c3\u30c8\u306e\u30a2\u30c9\u30ec\u30b9\u7bc4\u56f2\u3002 --dark",
    "controls": "\x1b[31m\x07\"\\\t\u2028",
}
for name, text in TEXTS.items():
    write("text", name, text.encode())
write("text", "not-utf-8", bytes.fromhex("c3 28 a0 e2 28 a1 f0 90 28 bc fe ff ed a0 80"))

write("yaml", "all", b"""# of one area
area:
  json: true
  workers: 2
  memory: 64M
  share: 0.25
  interval: 1h
  from: 2026-01-02
  sensor: "a \\u72fc"
  store: 'x.db'
  by: source
  lists: [a.json, b.txt]
  dark:
    - 192.0.2.0/24
    - 2001:db8::/32, 198.51.100.0/24
other: {dark: 1}
""")
write("yaml", "anchor", b"area: &a\n  lists: &l [x, y]\n  sensor: |\n    two\n    lines\nother: *a\n")
write("yaml", "twice", b"area: {json: no}\n---\narea: {json: yes}\n")
write("yaml", "utf-16", "area: {workers: 3}\n".encode("utf-16"))
write("yaml", "deep", b"area: " + b"[" * 20 + b"]" * 20)
write("yaml", "tag", b"%YAML 1.1\n---\n!!map {? area : !!map {dark: !!str 0.0.0.0/0}}\n...\n")

write("lists", "misp", b"""{"name": "A scanner", "version": 20250101, "type": "cidr", "description": {"x": [1, null, true, 1e9]},
 "list": ["192.0.2.0/24", "198.51.100.7", "2001:db8::/32", "0.0.0.0/0"]}
""")
write("lists", "misp-escapes", b'{"list": ["\\u0031.2.3.4"], "name": "\\ud83d\\udce1 ' + "\u72fc".encode() * 40 + b'"}')
write("lists", "misp-not-utf-8", b'{"list": [], "name": "\xe7\x8b\xff\xff"}')
write("lists", "misp-controls", b'{"list": ["192.0.2.9"], "name": "\\u001b[31m\\u007f\\ud800"}')
write("lists", "text", b"# ours\r\n\n 192.0.2.0/24 # lab\r\n\t198.51.100.7\n2001:db8::/32 words\n::/0")

write("port_classes", "two", b"# version 2026-11\niot tcp 22,23,80\niot udp 0,65535\n\nweb tcp 80,443 # pages\r\n")
write("port_classes", "most", b"".join(b"c%d udp %d,7\n" % (i, i) for i in range(14)))

RANKS = {5: 1, 6: 53, 4095: 7}
write("hll", "sparse", b"S" + b"".join((i << 12 | rank).to_bytes(3, "big") for i, rank in RANKS.items()))
write("hll", "empty", b"S")
write("hll", "dense", b"D" + bytes(i * i % 54 for i in range(4096)))

# --- named queries: number of the query, then a line for each parameter: sensor, from, to, research, its own, limit, after ---

RANGE = "{}\n2026-01-01T00:00:00Z\n2026-01-02T12:00:00Z\n{}\n"
QUERIES = {
    "coverage": (0, ""), "summary": (1, RANGE.format("", "without")), "summary-all": (1, ""),
    "ports": (2, RANGE.format("north", "with") + "6\niot\n3\ni900.i6.i23"),
    "series": (3, RANGE.format("", "only") + "1d\nport\n\n6\n23\n\n7\ni1767225600000000.t7463702f3233"),
    "series-category": (3, RANGE.format("", "with") + "1h\ncategory\nscan\n"),
    "categories": (4, RANGE.format("", "with")), "classes": (5, "\n\n\n\n2\ni100.t696f74"), "tools": (6, ""),
    "countries": (7, RANGE.format("south", "without") + "1\ni5.t4a50"), "networks": (8, "\n\n\n\nJP\n2"),
    "sources": (9, RANGE.format("", "with") + "6\n23\nzmap\nNL\n\n10\n"),
    "sources-address": (9, "\n\n\n\n\n\n\n\n198.18.0.7\n"),
    "source": (10, "198.18.0.7\n" + RANGE.format("", "with") + "5\n"), "source-ports": (11, "198.18.0.7\n\n1767225600\n"),
    "scanners": (12, RANGE.format("", "only") + "2\n"), "victims": (13, "\n\n\n\n1\n"), "campaigns": (14, "\n\n\n\n1\n"),
    "runs": (15, "\n-62135596800\n253402300799\n"), "findings": (16, "\n\n\n\nddos-victim\n203.0.113.1\ntelescope\n2\n"),
    "time-first": (2, "\n-9223372036853\n0\n"), "time-last": (2, "\n0\n9223372036853\n"),
    "before-all": (8, "\n\n2\n"), "after-all": (8, "\n9999999999\n"),
}
for name, (number, lines) in QUERIES.items():
    write("query", name, bytes([number]) + lines.encode())

# --- packets for the sense: flags, then records of repeat, time step, length, IP packet ---


def record(packet, repeat=0, quarters=1):
    return struct.pack(">BHB", repeat, quarters, len(packet)) + packet


def raw(name):
    return FRAMES[name][2][14:]


SYN = ip4(6, tcp(options=OPTIONS["mss"]))
MIRAI = ip4(6, struct.pack(">HHIIBBHHH", 40000, 23, int.from_bytes(DARK, "big"), 0, 0x50, 2, 1024, 0, 0))
SENSE = {
    "mixed": (0, b"".join(record(raw(n)) for n in ("tcp", "udp-dns", "icmp-echo", "icmp-quote", "ip6", "icmp6-quote", "arp",
                                                   "fragment-later", "total-5", "mirai-offset", "options-zmap-linux"))),
    "sources": (2, record(SYN, 10) + record(raw("udp-dns"), 10) + record(MIRAI, 10) + record(raw("ip6"), 10)),
    "victim": (5, b"".join(record(ip4(6, tcp(0x12, sport=80)), 4, 40) for _ in range(12)) + record(raw("icmp-quote"), 6)),
    "days": (1, b"".join(record(p, 3, 65535) for p in (SYN, MIRAI, raw("icmp-echo")) * 8)),
    "own": (9, record(SYN, 2) + record(MIRAI, 1) + record(SYN, 8)),
    "tunnel": (16, record(raw("gre")) + record(raw("vxlan")) + record(raw("erspan-2"))),
    "ip6-rows": (1, record(raw("ip6"))),
    "tiny-rows": (3, b"".join(record(p, 9, 1200) for p in (SYN, MIRAI, raw("udp-dns"), raw("icmp-echo")) * 2)),
}
for name, (flags, records) in SENSE.items():
    write("sense", name, bytes([flags]) + records)

# --- packs: kind, where the sketches begin, the pack, its sketches ---

def lane(values, width):
    base, mask = min(values), (1 << 8 * width) - 1
    above = [value - base for value in values]
    out = [at for at, value in enumerate(above) if value > 0 and width == 0 or 0 < width < 8 and value >= mask]
    body = b"".join((mask if at in out else value).to_bytes(width, "little") for at, value in enumerate(above))
    body += b"".join(struct.pack("<IQ", at, values[at]) for at in out)
    return struct.pack("<BQI", width, base, len(out)), body


def pack(kind, columns, sketches=(), version=2):
    columns = list(columns) + ([([len(sketch) for sketch in sketches], 2)] if sketches else [])
    lanes = [lane(values, width) for values, width in columns]
    numbers = struct.pack("<BBI", version, len(lanes), len(columns[0][0])) + b"".join(head for head, _ in lanes) + \
        b"".join(body for _, body in lanes) + bytes(8)
    return bytes([kind]) + len(numbers).to_bytes(3, "little") + numbers + b"".join(sketches)


SKETCHES = [b"S" + bytes([0, 16 * i, i + 1]) for i in range(1, 5)]
ERRORS = ([0, 0, 0, 0x3F90A3D70A3D70A4], 0)
write("pack", "traffic", pack(0, [([1, 2, 3, 9], 1), ([5, 70000, 8, 1], 1), ([300, 4200000, 480, 60], 2),
                                  ([1, 2, 3, 4], 1), ERRORS], SKETCHES))
write("pack", "traffic-1", pack(0, [([1, 2], 1)] * 4 + [([0, 0], 0)], SKETCHES[:1] + [b"D" + bytes(4096)], version=1))
write("pack", "port", pack(1, [([6, 6, 17, 17], 1), ([23, 8080, 53, 123], 2), ([1, 2, 3, 3], 1), ([1 << 40, 2, 3, 1], 1),
                               ([9, 9, 9, 9], 0), ([1, 1, 2, 1], 1), ERRORS], SKETCHES))
write("pack", "country", pack(3, [([0, 4, 7, 8], 1), ([100, 2, 3, 1], 8), ([1, 1, 2, 1], 3), ERRORS], SKETCHES))
write("pack", "source-port", pack(5, [([6, 6, 6], 0), ([22, 23, 23], 1), ([0, 0, 0x20010DB8 << 32], 0),
                                      ([0xFFFFC6336407, 0xFFFFC6336408, 1], 6)] + [([0, 3, 4], 1)] * 3 +
                                  [([7, 8, 900], 1), ([420, 480, 54000], 2)]))
write("pack", "one-row", pack(7, [([value], 0) for value in (6, 0, 0xFFFFC6336407, 1, 2, 0, 12)]))
write("pack", "rows-from-nothing", b"\7" + (105).to_bytes(3, "little") + struct.pack("<BBI", 1, 7, 1 << 24) +
      struct.pack("<BQI", 0, 1, 0) * 7 + bytes(8))


# --- DER ---

def der(tag, *parts):
    body = b"".join(parts)
    size = len(body)
    octets = b"" if size < 128 else size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([tag, size] if not octets else [tag, 128 | len(octets)]) + octets + body


def oid(text):
    first, second, *rest = (int(arc) for arc in text.split("."))
    out = []
    for arc in [first * 40 + second] + rest:
        septets = [arc & 127]
        while arc := arc >> 7:
            septets.insert(0, 128 | arc & 127)
        out += septets
    return der(6, bytes(out))


SHA256 = der(0x30, oid("2.16.840.1.101.3.4.2.1"))
IMPRINT = der(0x30, SHA256, der(4, bytes(range(32))))
TST_INFO = der(0x30, der(2, b"\1"), oid("1.3.6.1.4.1.99999.1"), IMPRINT, der(2, b"\1" + bytes(15)),
               der(0x18, b"20261124123456.5Z"), der(0x30, der(2, b"\1"), der(0x80, b"\1\xf4")), der(1, b"\xff"),
               der(2, b"\x7f" * 8))
write("der", "tst-info", TST_INFO)
write("der", "signature", der(0x30, der(2, b"\0" + b"\xff" * 32), der(2, b"\x11" * 31)))
write("der", "attributes", der(0x31, der(0x30, oid("1.2.840.113549.1.9.3"), der(0x31, oid("1.2.840.113549.1.7.1"))),
                               der(0x30, oid("1.2.840.113549.1.9.4"), der(0x31, der(4, bytes(32)))),
                               der(0x30, oid("1.2.840.113549.1.9.5"), der(0x31, der(0x17, b"261124123456Z")))))
write("der", "long", der(0x30, der(4, bytes(300)), der(0xa0, der(3, b"\5\xa0"), der(5), der(10, b"\2"))))


# --- what the signer reads: the first byte says for what ---

CERTIFICATE_HASH = bytes([0xc5]) * 32
ATTRIBUTES = der(0x31, der(0x30, oid("1.2.840.113549.1.9.3"), der(0x31, oid("1.2.840.113549.1.7.1"))),
                 der(0x30, oid("1.2.840.113549.1.9.4"), der(0x31, der(4, bytes(32)))),
                 der(0x30, oid("1.2.840.113549.1.9.16.2.47"),
                     der(0x31, der(0x30, der(0x30, der(0x30, der(4, CERTIFICATE_HASH)))))))
HEADER = '{"alg":"ES256","x5t#S256":"%s","crit":["sigT"]}' % base64.urlsafe_b64encode(CERTIFICATE_HASH).decode().rstrip("=")
CHECKPOINT = b"example.org/log\n5\n" + base64.b64encode(bytes(32)) + b"\n"
write("signer", "time-stamp", b"\0" + TST_INFO)
write("signer", "seal", b"\1" + ATTRIBUTES)
write("signer", "jws", b"\2" + base64.urlsafe_b64encode(HEADER.encode()).rstrip(b"=") + b".cGF5bG9hZA")
write("signer", "checkpoint", b"\3" + CHECKPOINT)
write("signer", "cosignature", b"\4cosignature/v1\ntime 1795523696\n" + CHECKPOINT)
write("signer", "request", b"\5" + struct.pack("<IIIII", 0, 0, 2, len(TST_INFO), len(ATTRIBUTES)) + TST_INFO + ATTRIBUTES)
write("signer", "release", b"\6noroshi release v1\nkey " + b"0f" * 32 + b"\npurposes seal,jws\n"
      b"from 2026-11-24T00:00:00.000000Z\nuntil 2026-11-25T00:00:00.000000Z\nreason invoices of July\n")
write("signer", "uri", b"\7pkcs11:token=my%20house;object=tsa;id=%01%02;slot-id=3;type=private")


# --- JSON that is checked, PDF files that are sealed ---

write("json_check", "jws", b'{"payload":"aGVsbG8","protected":"eyJhbGciOiJFUzI1NiJ9","header":{"etsiU":["e30"]},"signature":"AAAA"}')
write("json_check", "values", b' [ null , true , false , 0 , -1.5e+3 , "\\u3042\\ud83d\\ude00\\n" , "\xe7\x8b\xbc\xe7\x85\x99" , {} , [] ] \n')
write("json_check", "twice", b'{"a":{"b":1},"c":[{"b":1},{"b":2}],"a":3}')

PAGES = [b"<</Type/Catalog/Pages 2 0 R/AcroForm<</Fields[4 0 R]/SigFlags 3>>>>", b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
         b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]/Annots[4 0 R]>>",
         b"<</Type/Annot/Subtype/Widget/FT/Sig/T(a)/Rect[0 0 0 0]/V 5 0 R/P 3 0 R>>"]


def pdf_table(at, size, prev=b""):
    rows = b"".join(b"%d 1\n%010d 00000 n \n" % (number, place) for number, place in sorted(at.items()))
    return b"xref\n" + rows + b"trailer\n<</Size %d/Root 1 0 R%s>>\n" % (size, prev)


def pdf_sealed(message):
    """Two ranges that are right: around /Contents, to the end."""
    text, at = b"%PDF-1.4\n", {}
    for number, body in enumerate(PAGES, 1):
        at[number] = len(text)
        text += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    at[5] = len(text)
    head = b"5 0 obj\n<</Type/Sig/SubFilter/ETSI.CAdES.detached/M(D:20261124120000Z)/ByteRange[0 %s]/Contents "
    contents = b"<" + message.hex().encode() + b"00" * 8 + b">"
    before = len(text) + len(head % (b" " * 20))
    after = before + len(contents)
    tail = b">>\nendobj\n"
    table = after + len(tail)
    tail += pdf_table(at, 6) + b"startxref\n%d\n%%%%EOF\n" % table
    numbers = b"%d %d %d" % (before, after, len(tail))
    return text + head % numbers.ljust(20) + contents + tail, table


def pdf_updated(text, prev, objects):
    at = {}
    for number, body in objects.items():
        at[number] = len(text)
        text += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    return text + pdf_table(at, max([5, *objects]) + 1, b"/Prev %d" % prev) + b"startxref\n%d\n%%%%EOF\n" % len(text)


def pdf_compressed():
    """Objects 1 to 3 in a stream, cross-references in another."""
    bodies = [b"<</Type/Catalog/Pages 2 0 R>>", PAGES[1], PAGES[2].replace(b"/Annots[4 0 R]", b"")]
    pairs = b" ".join(b"%d %d" % (number, sum(map(len, bodies[:number - 1])) + number - 1) for number in (1, 2, 3)) + b" "
    packed = zlib.compress(pairs + b" ".join(bodies))
    text = b"%PDF-1.5\n"
    stream = len(text)
    text += b"4 0 obj\n<</Type/ObjStm/N 3/First %d/Filter/FlateDecode/Length %d>>\nstream\n%s\nendstream\nendobj\n" % (
        len(pairs), len(packed), packed)
    rows = [(0, 0, 255), (2, 4, 0), (2, 4, 1), (2, 4, 2), (1, stream, 0), (1, len(text), 0)]
    plain = [bytes([kind]) + struct.pack(">H", place) + bytes([more]) for kind, place, more in rows]
    up = b"".join(b"\2" + bytes((a - b) & 255 for a, b in zip(row, above))
                  for row, above in zip(plain, [bytes(4)] + plain))
    packed = zlib.compress(up)
    return text + b"5 0 obj\n<</Type/XRef/Size 6/Root 1 0 R/W[1 2 1]/Filter/FlateDecode/DecodeParms<</Predictor 12" \
        b"/Columns 4>>/Length %d>>\nstream\n%s\nendstream\nendobj\nstartxref\n%d\n%%%%EOF\n" % (
            len(packed), packed, len(text))


SEALED, TABLE = pdf_sealed(der(0x30, der(2, b"\1")))
write("pdf", "sealed", SEALED)
write("pdf", "compressed", pdf_compressed())
write("pdf", "later-seal", pdf_updated(SEALED, TABLE, {
    1: PAGES[0].replace(b"[4 0 R]", b"[4 0 R 6 0 R]"), 3: PAGES[2].replace(b"[4 0 R]", b"[4 0 R 6 0 R]"),
    6: PAGES[3].replace(b"5 0 R", b"7 0 R"), 7: b"<</Type/Sig/ByteRange[0 1 2 3]/Contents<00>>>"}))
write("pdf", "later-validation", pdf_updated(SEALED, TABLE, {
    1: PAGES[0][:-2] + b"/DSS 6 0 R>>", 6: b"<</Type/DSS/Certs[7 0 R]>>", 7: b"<<>>"}))
write("pdf", "later-page", pdf_updated(SEALED, TABLE, {3: PAGES[2].replace(b"9 9", b"5 5")}))


# --- the flow collector: flags, then who, length and octets of each datagram; or flags and a stream in pieces ---

EXPORTED, UPTIME = 1750000000, 1000000


def v5(records=2, sequence=0):
    return struct.pack(">HHIIIIHH", 5, records, UPTIME, EXPORTED, 0, sequence, 0x0102, 0x03e8) + \
        struct.pack(">4s4s4sHHIIIIHHBBBBHHBBH", SOURCE, DARK, bytes(4), 1, 2, 3, 444, UPTIME - 9000, UPTIME - 1000,
                    40000, 443, 0, 27, 6, 0, 64500, 64501, 24, 16, 0) * records


def v9(*sets, sequence=0, seconds=EXPORTED, uptime=UPTIME):
    return struct.pack(">HHIIII", 9, len(sets), uptime, seconds, sequence, 7) + b"".join(sets)


def ipfix(*sets, sequence=0):
    body = b"".join(sets)
    return struct.pack(">HHIII", 10, 16 + len(body), EXPORTED, sequence, 7) + body


def flow_set(number, body):
    return struct.pack(">HH", number, 4 + len(body)) + body


def fields(*pairs):
    return b"".join(struct.pack(">HH", element, length) if element < 1 << 16 else
                    struct.pack(">HHI", 0x8000 | element & 0xffff, length, element >> 16) for element, length in pairs)


def template(number, *pairs):
    return struct.pack(">HH", number, len(pairs)) + fields(*pairs)


def datagrams(*messages, flags=0, who=1):
    return bytes([flags]) + b"".join(struct.pack(">BH", who, len(m)) + m for m in messages)


PLAIN = ((8, 4), (12, 4), (7, 2), (11, 2), (4, 1), (6, 1), (1, 4), (2, 4), (22, 4), (21, 4), (61, 1), (95, 4))
PLAIN_DATA = SOURCE + DARK + struct.pack(">HHBBIIIIBI", 40000, 443, 6, 27, 444, 3, UPTIME - 9000, UPTIME - 1000, 1, 9)
VARIABLE = ((82, 65535), (313, 65535), (293, 65535), (152, 8), (230, 1), (29305 << 16 | 1, 4), (6871 << 16 | 14, 1))
SECTION = ip4(4, ip4(6, tcp()))
LIST = b"\3" + struct.pack(">HH", 400, 10) + bytes(6)
VARIABLE_DATA = b"\4eth0" + bytes([len(SECTION)]) + SECTION + bytes([len(LIST)]) + LIST + \
    struct.pack(">QBIB", EXPORTED * 1000, 4, 5, 18)
TEMPLATES = flow_set(2, template(300, *VARIABLE) + template(400, (56, 6)))
OPTIONS = flow_set(3, struct.pack(">HHH", 500, 3, 1) + fields((149, 4), (160, 8), (305, 4))) + \
    flow_set(500, struct.pack(">IQI", 7, EXPORTED * 1000 - 9000000, 100))
SFLOW_RAW = struct.pack(">IIIIII", 1, 16 + len(SECTION), 11, 900, 4, len(SECTION)) + SECTION
SFLOW_SAMPLE = struct.pack(">IIIIIIII", 1, 7, 512, 5120, 0, 3, 0x40000101, 3) + SFLOW_RAW + \
    struct.pack(">IIIIII", 1001, 16, 10, 0, 20, 0) + \
    struct.pack(">II14I", 1003, 56, 1, 0xcb007102, 64500, 64501, 64502, 2, 1, 1, 64503, 2, 2, 64504, 64505, 0)
SFLOW = struct.pack(">IIIIIII", 5, 1, 0xc0000263, 4, 1, UPTIME, 1) + struct.pack(">II", 1, len(SFLOW_SAMPLE)) + \
    SFLOW_SAMPLE

write("flow_collector", "v5", datagrams(v5()))
write("flow_collector", "v9", datagrams(v9(flow_set(0, template(300, *PLAIN)), flow_set(300, PLAIN_DATA * 3))))
write("flow_collector", "v9-data-first", datagrams(v9(flow_set(300, PLAIN_DATA)), v9(flow_set(300, PLAIN_DATA), sequence=1),
                                                   v9(flow_set(0, template(300, *PLAIN)), sequence=2)))
write("flow_collector", "v9-options", datagrams(
    v9(flow_set(1, struct.pack(">HHH", 256, 4, 8) + fields((1, 4), (34, 4), (35, 1))), flow_set(256, struct.pack(">IIB", 0, 100, 2)))))
write("flow_collector", "v9-replaced", datagrams(
    v9(flow_set(0, template(300, *PLAIN))),
    v9(flow_set(0, template(300, *PLAIN[::-1])), flow_set(300, PLAIN_DATA), sequence=2, seconds=EXPORTED + 9),
    v9(flow_set(300, PLAIN_DATA), sequence=1, seconds=EXPORTED + 1)))
write("flow_collector", "ipfix", datagrams(ipfix(TEMPLATES, flow_set(300, VARIABLE_DATA * 2)), flags=9))
write("flow_collector", "ipfix-options", datagrams(
    ipfix(OPTIONS, flow_set(2, template(301, *PLAIN)), flow_set(301, PLAIN_DATA)), ipfix(flow_set(2, struct.pack(">HH", 301, 0)))))
write("flow_collector", "nat-draft", datagrams(ipfix(TEMPLATES, flow_set(300, VARIABLE_DATA)), flags=2))
write("flow_collector", "sflow", datagrams(SFLOW, flags=1))
STREAM = ipfix(TEMPLATES, flow_set(300, VARIABLE_DATA)) + v9(flow_set(0, template(300, *PLAIN)), flow_set(300, PLAIN_DATA)) + v5() + \
    ipfix(flow_set(2, struct.pack(">HH", 300, 0)), sequence=1) + ipfix(flow_set(300, VARIABLE_DATA), sequence=1)
write("flow_collector", "stream", b"\x04" + b"".join(
    bytes([len(STREAM[at:at + 100]) - 1]) + STREAM[at:at + 100] for at in range(0, len(STREAM), 100)))


# --- files of flows of others ---

def nf_record(kind, body):
    return struct.pack("<HH", kind, 4 + len(body)) + body


def nf_v3(*extensions, exporter=1, flags=0):
    body = b"".join(struct.pack("<HH", number, 4 + len(value)) + value for number, value in extensions)
    return nf_record(11, struct.pack("<HBBHBB", len(extensions), 0, 3, exporter, flags, 9) + body)


def nf_block(*records, kind=3, flags=0):
    body = b"".join(records)
    return struct.pack("<IIHH", len(records), len(body), kind, flags) + body


def nf_file2(*blocks, compression=0):
    return struct.pack("<HHIQBBHIQII", 0xa50c, 2, 0x01070100, SECONDS, compression, 0, 0, 0, 0, 1 << 20, len(blocks)) + \
        b"".join(blocks)


def nf_file1(*blocks, flags=0):
    return struct.pack("<HHII", 0xa50c, 1, flags, len(blocks)) + b"none".ljust(128, b"\0") + bytes(136) + b"".join(blocks)


NF_GENERIC = struct.pack("<QQQQQHHBBBB", SECONDS * 1000, SECONDS * 1000 + 500, SECONDS * 1000 + 900, 7, 700, 40000, 443, 6, 27, 0, 8)
NF_IPV4 = struct.pack("<II", 0xc6336407, 0xc0000209)
NF_IPV6 = struct.pack("<QQQQ", 0x20010db8 << 32, 7, 0x20010db8 << 32, 9)
NF_EXPORTER = nf_record(7, struct.pack("<IQQHHI", 9, 0, 0xc0000263, 2, 1, 7))
NF_SAMPLER = nf_record(15, struct.pack("<HHqII", 1, 1, -1, 1, 99))
NF_ALL = [(4, struct.pack("<IIBBBBBBBB", 1, 2, 24, 16, 1, 0, 0, 2, 16, 0)), (5, struct.pack("<QQQ", 1, 3, 300)), (6, struct.pack("<II", 10, 20)),
          (7, struct.pack("<II", 64500, 64501)), (10, struct.pack("<I", 0xcb007101)), (12, struct.pack("<I", 0xc0000263)),
          (14, struct.pack("<10I", 16001 << 4, *[0] * 9)), (15, struct.pack("<QQQQ", 1, 0, 2, 0)), (19, struct.pack("<QIHBB", SECONDS * 1000, 5, 0, 2, 0)),
          (20, NF_IPV4), (22, struct.pack("<HH", 1024, 443)), (25, struct.pack("<QIBBH", SECONDS * 1000, 0, 4, 0, 0)),
          (26, struct.pack("<HHHH", 1024, 2047, 0, 0)), (27, b"\3\0\0\x50"), (36, struct.pack("<II", 2, 1)), (38, struct.pack("<HHHHIIQHB5x", 1, 2, 3, 4, 1, 2, 0, 2048, 4)),
          (39, struct.pack("<Q", 99)), (42, struct.pack("<BBBB", 0, 64, 60, 64))]
NF_MAP = nf_record(2, struct.pack("<HHHHHHHHHH", 3, 44, 5, 7, 8, 13, 25, 37, 0, 0))
NF_MAPPED = nf_record(10, struct.pack("<HHHHIIBBBBHHHBB", 6, 3, 940, 981, SECONDS, SECONDS + 1, 0, 2, 6, 0, 52324, 902, 1, 0, 2) + NF_IPV4 +
                      struct.pack("<QQ", 1, 60) + struct.pack("<IIII", 1, 2, 64500, 64501) + b"\0\1\x18\x10" + struct.pack("<HH", 1, 2) + b"\0\0\0\3" +
                      struct.pack("<QIHBBHH", SECONDS * 1000, 5, 0, 1, 0, 0, 0))
NF_OLD = nf_record(1, struct.pack("<HHHHIIBBBBHH", 0x100, 3, 940, 981, SECONDS, SECONDS + 1, 0, 2, 17, 0, 53, 53) + NF_IPV4 +
                   struct.pack("<II", 1, 60) + bytes(48))
NF_TWO = nf_file2(nf_block(NF_EXPORTER, NF_SAMPLER, nf_v3((1, NF_GENERIC), (2, NF_IPV4)), nf_v3((1, NF_GENERIC), (3, NF_IPV6), *NF_ALL, flags=2)))
NF_ONE = nf_file1(nf_block(NF_EXPORTER, NF_MAP, NF_MAPPED, NF_OLD, kind=2))
ZEEK_TSV = b"#separator \\x09\n#set_separator\t,\n#empty_field\t(empty)\n#unset_field\t-\n#path\tconn\n" + \
    b"#fields\tts\tuid\tid.orig_h\tid.orig_p\tid.resp_h\tid.resp_p\tproto\tservice\tduration\torig_bytes\tresp_bytes\thistory\torig_pkts\torig_ip_bytes\tresp_pkts\tresp_ip_bytes\n" + \
    b"1700000000.714845\tC6\t198.51.100.7\t40000\t192.0.2.9\t443\ttcp\t-\t0.037629\t0\t0\tShADadFf\t2\t104\t2\t80\n" + \
    b"1700000001.5\tC7\t2001:db8::7\t128\t2001:db8::9\t0\ticmp\t-\t-\t-\t-\t-\t1\t64\t0\t0\n#close\t2023\n"
ZEEK_JSON = b'{"ts":1700000000.714845,"id.orig_h":"198.51.100.7","id.orig_p":40000,"id.resp_h":"192.0.2.9","id.resp_p":443,' + \
    b'"proto":"tcp","duration":2.1457672119140625e-06,"history":"Sr","orig_pkts":1,"orig_ip_bytes":60,"vlan":5,"orig_l2_addr":"00:00:5e:00:53:01"}\n' + \
    b'{"ts":"2023-11-14T22:13:20.5Z","id":{"orig_h":"198.51.100.7","orig_p":53,"resp_h":"192.0.2.9","resp_p":53},"proto":"udp"}\n'


def flow_capture(*packets):
    return struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, 101) + \
        b"".join(struct.pack("<IIII", SECONDS + n, 0, len(p), len(p)) + p for n, p in enumerate(packets))


def tcp_of(payload, sequence, flags=16):
    return ip4(6, struct.pack(">HHIIBBHHH", 40000, 4739, sequence, 0, 5 << 4, flags, 65535, 0, 0) + payload)


LONG = udp(v9(flow_set(0, template(300, *PLAIN)), flow_set(300, PLAIN_DATA * 3)), sport=4444, dport=2055)
CUT = 8 * (len(LONG) // 16)
IPFIX_STREAM = ipfix(flow_set(2, template(301, *PLAIN)), flow_set(301, PLAIN_DATA)) + ipfix(flow_set(301, PLAIN_DATA), sequence=1)
FLOW_CAPTURE = flow_capture(
    ip4(17, udp(v5(), sport=4444, dport=7777)), ip4(17, LONG), ip4(17, LONG[CUT:], fragment=CUT // 8), ip4(17, LONG[:CUT], fragment=0x2000),
    ip4(17, udp(SFLOW, dport=6343)), ip4(17, udp(b"\0\5junk", dport=2055)), ip4(17, udp(b"dns")), tcp_of(b"", 999, flags=2), tcp_of(IPFIX_STREAM[100:], 1100),
    tcp_of(IPFIX_STREAM[:100], 1000), tcp_of(b"", 1000 + len(IPFIX_STREAM), flags=17))
write("nfdump", "v2", NF_TWO)
write("nfdump", "v1", NF_ONE)
write("zeek", "tsv", ZEEK_TSV)
write("zeek", "json", ZEEK_JSON)
write("flow_file", "nfdump-2", NF_TWO)
write("flow_file", "nfdump-1", NF_ONE)
write("flow_file", "nfdump-bzip2", nf_file2(struct.pack("<IIHH", 2, len(bz2.compress(NF_EXPORTER + nf_v3((1, NF_GENERIC), (2, NF_IPV4)))), 3, 0) +
                                           bz2.compress(NF_EXPORTER + nf_v3((1, NF_GENERIC), (2, NF_IPV4))), compression=2))
write("flow_file", "zeek-tsv", ZEEK_TSV)
write("flow_file", "zeek-json.gz", gzip.compress(ZEEK_JSON, mtime=0))
write("flow_file", "capture", FLOW_CAPTURE)
write("flow_file", "ipfix", IPFIX_STREAM)
write("flow_file", "v5-v9", v5() + v9(flow_set(0, template(300, *PLAIN)), flow_set(300, PLAIN_DATA)))
write("flow_file", "sflow", SFLOW + SFLOW)

# --- what a probed server answers (docs/guide/probe.md) ---

def tls_record(kind, body, version=0x0303):
    return struct.pack(">BHH", kind, version, len(body)) + body


def tls_message(kind, body):
    return struct.pack(">B", kind) + struct.pack(">I", len(body))[1:] + body


def tls_extension(kind, body):
    return struct.pack(">HH", kind, len(body)) + body


def server_hello(cipher=0xc02f, extensions=b"", version=0x0303, session=b"", random=bytes(range(32))):
    return tls_message(2, struct.pack(">H", version) + random + bytes([len(session)]) + session + struct.pack(">HB", cipher, 0) +
                       (struct.pack(">H", len(extensions)) + extensions if extensions else b""))


def certificates(*items):
    listed = b"".join(struct.pack(">I", len(c))[1:] + c for c in items)
    return tls_message(11, struct.pack(">I", len(listed))[1:] + listed)


# A self-signed certificate (Ed25519) with names of five kinds.
CERTIFICATE = base64.b64decode(
    "MIIB0DCCAYKgAwIBAgIUKUpciGnZuG59QNWdGvSm3CxAxNQwBQYDK2VwMDQxCzAJBgNVBAYTAkpQMRAwDgYDVQQKDAdFeGFtcGxl"
    "MRMwEQYDVQQDDApwcm9iZSB0ZXN0MCAXDTI2MTEyNDE5NDIwNVoYDzIwNTEwNzE2MTk0MjA1WjA0MQswCQYDVQQGEwJKUDEQMA4G"
    "A1UECgwHRXhhbXBsZTETMBEGA1UEAwwKcHJvYmUgdGVzdDAqMAUGAytlcAMhAC7Mf9Rmsv9LxUpIR0gQa++98TLrS/3S9NeqQ57d"
    "8vs3o4GjMIGgMB0GA1UdDgQWBBSQmnPSyYwkWFEYWVUVMqg2qVeunzAfBgNVHSMEGDAWgBSQmnPSyYwkWFEYWVUVMqg2qVeunzAP"
    "BgNVHRMBAf8EBTADAQH/ME0GA1UdEQRGMESCCWEuZXhhbXBsZYcEwAACAYcQIAENuAAAAAAAAAAAAAAAAYYSaHR0cHM6Ly9hLmV4"
    "YW1wbGUvgQthQGEuZXhhbXBsZTAFBgMrZXADQQBbk7Dj9I7FxQh306Lws5/+hdjW7ETRN2Zp2xEIWRU+kYWCUUfPH7j+oRiWq6HJ"
    "/0yYd0KCB0OYW1Ihn9/clkQF")
TLS_OLD = server_hello(extensions=tls_extension(0xff01, b"\0") + tls_extension(16, b"\0\x03\x02h2")) + \
    certificates(CERTIFICATE, CERTIFICATE) + tls_message(12, bytes(40)) + tls_message(13, bytes(6)) + tls_message(14, b"")
write("tls_answer", "tls12", tls_record(22, TLS_OLD))
write("tls_answer", "tls12-pieces", b"".join(tls_record(22, TLS_OLD[n:n + 100]) for n in range(0, len(TLS_OLD), 100)))
write("tls_answer", "tls13", tls_record(22, server_hello(0x1301, tls_extension(43, b"\3\4") + tls_extension(51, b"\0\x1d\0\x20" + bytes(32)), session=bytes(32))) +
      tls_record(20, b"\1") + tls_record(23, bytes(64)))
write("tls_answer", "retry", tls_record(22, server_hello(0x1302, tls_extension(43, b"\3\4") + tls_extension(51, b"\0\x18"),
      random=bytes.fromhex("cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c"))))
write("tls_answer", "alert", tls_record(21, b"\1\x70") + tls_record(21, b"\2\x28"))
write("tls_answer", "http", b"HTTP/1.1 400 Bad Request\r\n\r\n")
write("flow_probe", "allow", b"anoroshi probe v1\nwho The desk\npurpose finding C&C\nfrom 2026-11-24T00:00:00Z\nuntil 2026-12-01T00:00:00Z\n"
      b"classes JP,any,private,loopback,own\ntarget 203.0.113.9:443\ntarget 198.51.100.0/28\npassive [2001:db8::/32]:23\ntarget ::/0\n")
write("flow_probe", "server", b"s[2001:db8::1]:8443/tcp")
write("flow_probe", "certificate", b"c" + CERTIFICATE)
write("flow_probe", "http", b"hHTTP/1.1 302 Found\r\nServer: x\r\nLocation: https://a.example/\r\nContent-Type: text/html\r\nno colon\r\n\r\n")
