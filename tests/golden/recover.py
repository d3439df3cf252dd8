#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Tries to find out which addresses of an anonymised capture were dark.

usage: recover.py EXPORT [ORIGINAL DARK]

With EXPORT alone it does what a stranger can do, and prints the networks that it finds, one per line.
With the truth beside it, it measures every channel that would have led there against chance, prints one JSON
object, and ends with 1 where something is better than chance.
"""
import collections
import ipaddress
import json
import math
import struct
import sys

ETHERNET, RAW, RAW_BSD = 1, 101, 12
SYN, ACK = 2, 16
SIGMAS = 6  # so far from chance is no chance


class Packet:
    """One IPv4 packet, numbers in host order."""

    __slots__ = ("time", "ip", "source", "destination", "id", "ttl", "protocol", "sport", "dport", "seq", "ack",
                 "flags", "window", "header", "total", "fragment", "mss")

    def __init__(self, time, ip):
        self.time, self.ip, self.header = time, ip, (ip[0] & 15) * 4
        self.total, self.id, self.fragment = struct.unpack_from("!HHH", ip, 2)
        self.ttl, self.protocol = ip[8], ip[9]
        self.source, self.destination = struct.unpack_from("!II", ip, 12)
        self.sport = self.dport = self.seq = self.ack = self.flags = self.window = None
        body = ip[self.header:]
        if self.fragment & 0x1FFF:
            return
        if self.protocol in (6, 17) and len(body) >= 4:
            self.sport, self.dport = struct.unpack_from("!HH", body)
        if self.protocol == 6 and len(body) >= 16:
            self.seq, self.ack = struct.unpack_from("!II", body, 4)
            self.flags = body[13] & 0x3F
            self.window = struct.unpack_from("!H", body, 14)[0]

    def is_syn(self):
        return self.flags == SYN


def packets(path):
    """The IPv4 packets of a pcap file of this machine's byte order."""
    with open(path, "rb") as file:
        data = file.read()
    magic, link = struct.unpack_from("<I", data)[0], struct.unpack_from("<I", data, 20)[0] & 0xFFFF
    scale = {0xA1B2C3D4: 1e6, 0xA1B23C4D: 1e9}[magic]
    at = 24
    while at + 16 <= len(data):
        seconds, part, captured, _ = struct.unpack_from("<IIII", data, at)
        frame = data[at + 16:at + 16 + captured]
        at += 16 + captured
        if link == ETHERNET:
            kind, begin = struct.unpack_from("!H", frame, 12)[0] if len(frame) >= 14 else 0, 14
            while kind in (0x8100, 0x88A8) and len(frame) >= begin + 4:
                kind, begin = struct.unpack_from("!H", frame, begin + 2)[0], begin + 4
            frame = frame[begin:] if kind == 0x0800 else b""
        elif link not in (RAW, RAW_BSD):
            sys.exit(f"{path}: link type {link}")
        if len(frame) >= 20 and frame[0] >> 4 == 4 and (frame[0] & 15) >= 5 and len(frame) >= (frame[0] & 15) * 4:
            yield Packet(seconds + part / scale, frame)


# ---- what a stranger can do ----

def networks_in_sequences(export):
    """/24s that the sequence numbers of several sources point to: Mirai and its kin."""
    visible = {p.destination >> 8 for p in export}
    sources, values = collections.defaultdict(set), collections.defaultdict(set)
    for p in export:
        if p.is_syn() and p.seq:
            sources[p.seq >> 8].add(p.source)
            values[p.seq >> 8].add(p.seq)
    # so many in one of 2^24 networks that it happens once in a million captures
    mean, needed = sum(map(len, values.values())) / 2**24, 2
    while 2**24 * mean**needed / math.factorial(needed) > 1e-6:
        needed += 1
    return {net for net, who in sources.items()
            if net not in visible and len(who) >= needed and len(values[net]) >= needed}


def networks_in_identifications(export):
    """Third octets that identification ^ port ^ sequence point to: Masscan. Only of SYNs that the visible
    destination does not explain."""
    bins = collections.defaultdict(set)
    for p in export:
        if p.is_syn() and (p.id ^ p.dport ^ p.seq ^ p.destination) & 0xFFFF:
            bins[(p.id ^ p.dport ^ p.seq) >> 8 & 0xFF].add((p.source, (p.id ^ p.dport ^ p.seq) & 0xFFFF))
    total = sum(map(len, bins.values()))
    expected = total / 256
    return {octet for octet, seen in bins.items()
            if expected >= 1 and len(seen) > expected + SIGMAS * math.sqrt(expected) + 1}


# ---- what the truth says about it ----

def pairs(original, export):
    """Packets of the original with theirs in the export, where only one of each fits."""
    def key(p):
        return (int(p.time), p.source, p.protocol, p.sport, p.dport, p.flags, p.window, p.ttl, p.fragment)

    def alone(of):
        seen = collections.defaultdict(list)
        for p in of:
            seen[key(p)].append(p)
        return {k: v[0] for k, v in seen.items() if len(v) == 1}
    there = alone(export)
    return [(p, there[k]) for k, p in alone(original).items() if k in there]


def chance(found, expected):
    return {"found": found, "expected": round(expected, 2),
            "better_than_chance": found > expected + SIGMAS * math.sqrt(max(expected, 1))}


def formulas(both):
    """Does a field say the true destination, or its half, as some tool would write it?"""
    swap = {"sequence": lambda p: p.seq, "sequence-1": lambda p: (p.seq - 1) & 0xFFFFFFFF,
            "sequence swapped": lambda p: int.from_bytes(p.seq.to_bytes(4, "big"), "little"),
            "acknowledgement": lambda p: p.ack}
    half = {"identification": lambda p: p.id, "identification^port": lambda p: p.id ^ p.dport,
            "masscan": lambda p: (p.id ^ p.dport ^ p.seq) & 0xFFFF, "sequence low": lambda p: p.seq & 0xFFFF}
    tcp = [(a, b) for a, b in both if a.seq is not None and b.seq is not None]
    result = {}
    for name, of in swap.items():
        result[name] = chance(sum(of(b) == a.destination for a, b in tcp), len(tcp) / 2**32)
    # Tools that write the new destination say nothing new where its half is the old one's by chance.
    low = [(a, b) for a, b in tcp if (a.destination ^ b.destination) & 0xFFFF] or tcp
    high = [(a, b) for a, b in tcp if (a.destination ^ b.destination) >> 16] or tcp
    for name, of in half.items():
        result[name] = chance(sum(of(b) == a.destination & 0xFFFF for a, b in low), len(low) / 2**16)
    result["sequence high"] = chance(sum(b.seq >> 16 == a.destination >> 16 for a, b in high), len(high) / 2**16)
    udp = [(a, b) for a, b in both if a.protocol == 17]
    result["udp identification"] = chance(sum(b.id == a.destination & 0xFFFF for a, b in udp), len(udp) / 2**16)
    return result


def unchanged(both):
    """Fields that were random and still have their old value would join two exports."""
    tcp = [(a, b) for a, b in both if a.seq is not None and b.seq is not None]
    # a source that sends one identification for ever counts once
    ids = {(a.source, a.id, b.id) for a, b in both if a.id not in (0, 54321)}
    return {"same sequence": chance(sum(a.seq == b.seq != 0 for a, b in tcp), len(tcp) / 2**32),
            "same identification": chance(sum(old == new for _, old, new in ids), len(ids) / 2**16)}


def words_in_network(export, network):
    """Four bytes anywhere that are an address of the dark range."""
    low, high = int(network[0]), int(network[-1])
    found = total = 0
    for p in export:
        n = len(p.ip) - 3
        if n <= 0 or low <= p.source <= high:
            continue
        total += n
        for i in range(n):
            if low <= int.from_bytes(p.ip[i:i + 4], "big") <= high:
                found += 1
    # bytes of headers are not random: four in a row hit one range by chance, another by habit. The same count
    # for ranges of the same size elsewhere is what chance looks like.
    size, others = high - low + 1, []
    for step in range(1, 9):
        base = (low + step * 0x07A35000 // size * size) % 2**32
        others.append(sum(base <= int.from_bytes(p.ip[i:i + 4], "big") < base + size
                          for p in export[::8] for i in range(len(p.ip) - 3)) * 8)
    return chance(found, max(max(others), total * size / 2**32))


def checksum(data, start=0):
    total = start + sum(struct.unpack(f"!{len(data) // 2}H", data[:len(data) // 2 * 2]))
    if len(data) & 1:
        total += data[-1] << 8
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total


def wrong_checksums(export):
    """A checksum that does not fit what is there was made over something that is not."""
    wrong = 0
    for p in export:
        if checksum(p.ip[:p.header]) != 0xFFFF:
            wrong += 1
            continue
        body, at = p.ip[p.header:], {6: 16, 17: 6, 1: 2}.get(p.protocol)
        if at is None or p.fragment & 0x3FFF or len(body) < at + 2 or body[at:at + 2] == b"\0\0":
            continue
        pseudo = sum(struct.unpack_from("!4H", p.ip, 12)) + p.protocol + len(body) if p.protocol != 1 else 0
        wrong += checksum(body, pseudo) != 0xFFFF
    return chance(wrong, 0)


def quotes(export, network):
    """Inner headers of ICMP errors."""
    low, high = int(network[0]), int(network[-1])
    found = 0
    for p in export:
        body = p.ip[p.header:]
        if p.protocol == 1 and len(body) >= 28 and body[0] in (3, 4, 5, 11, 12) and body[8] >> 4 == 4:
            source, destination = struct.unpack_from("!II", body, 20)
            found += low <= source <= high or low <= destination <= high
    return chance(found, 0)


def order(both, export):
    """Within a second: does a later packet of the same source have a higher true destination?"""
    place = {id(p): i for i, p in enumerate(export)}
    groups = collections.defaultdict(list)
    for a, b in both:
        groups[(b.source, int(b.time))].append((place[id(b)], a.destination))
    up = steps = 0
    for members in groups.values():
        members.sort()
        for (_, first), (_, second) in zip(members, members[1:]):
            if first != second:
                steps += 1
                up += first < second
    deviation = abs(up - steps / 2)
    return {"found": up, "expected": steps / 2,
            "better_than_chance": deviation > SIGMAS * math.sqrt(max(steps, 1)) / 2}


def fine_times(export):
    return chance(sum(p.time != int(p.time) for p in export), 0)


def measure(export, original, network):
    both = pairs(original, export)
    result = {"pairs": len(both), "packets": len(export)}
    channels = {**formulas(both), **unchanged(both), "words": words_in_network(export, network),
                "checksums": wrong_checksums(export), "quotes": quotes(export, network),
                "order": order(both, export), "times": fine_times(export)}
    result["channels"] = channels
    result["leaks"] = sorted(name for name, c in channels.items() if c["better_than_chance"])
    return result


def main():
    export = list(packets(sys.argv[1]))
    if len(sys.argv) == 2:
        for net in sorted(networks_in_sequences(export)):
            print(ipaddress.ip_network((net << 8, 24)))
        for octet in sorted(networks_in_identifications(export)):
            print(f"x.x.{octet}.0/24")
        return 0
    network = ipaddress.ip_network(sys.argv[3])
    low, high = int(network[0]), int(network[-1])
    original = [p for p in packets(sys.argv[2]) if low <= p.destination <= high]
    result = measure(export, original, network)
    print(json.dumps(result))
    return 1 if result["leaks"] else 0


if __name__ == "__main__":
    sys.exit(main())
