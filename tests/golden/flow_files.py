#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What noroshi flow read printed, beside what others say of the same flows.

flow_files.py send CAPTURE PORT          the UDP payloads of a capture to a port of this host, from 127.0.0.n where
                                         192.0.2.n had sent them
flow_files.py nfdump NFDUMP_JSON OURS    nfdump -o json of a file, and flow read --json of it
flow_files.py cases FOLDER OURS          records/*.ndjson of a folder of cases, and flow read --json of its capture
flow_files.py same A B [NAME...]         two outputs of flow read --json, but for members of these names
flow_files.py cut FILE STEP              flow read of the file cut at each multiple of STEP bytes: exit status 0 or 3
flow_files.py peak MIB FILE              flow read of the file: its exit status; 1 where it took more memory
Exit status 1 where they differ; the first differences are printed.
"""
import collections
import datetime
import json
import os
import resource
import socket
import struct
import subprocess
import sys
import tempfile
import time


def flows(path):
    lines = [json.loads(line) for line in open(path)]
    assert "summary" in lines[-1], "no summary at the end"
    return lines[:-1]


def verdict(differences, compared):
    for name, (count, example) in sorted(differences.items()):
        print(f"{name}: {count} differ, such as {example}")
    print(f"{compared} values compared")
    sys.exit(1 if differences or not compared else 0)


class Comparison:
    def __init__(self):
        self.differences, self.compared = {}, 0

    def value(self, name, ours, theirs, where=""):
        self.compared += 1
        if ours != theirs:
            count = self.differences.get(name, (0, None))[0]
            example = self.differences.get(name, (0, f"{where} ours {ours!r}, theirs {theirs!r}"))[1]
            self.differences[name] = (count + 1, example)

    def end(self):
        verdict(self.differences, self.compared)


def payloads(path):
    data = open(path, "rb").read()
    at = 24
    while at < len(data):
        length = struct.unpack_from("<I", data, at + 8)[0]
        frame = data[at + 16 : at + 16 + length]
        at += 16 + length
        yield frame[14 + 15], frame[14 + 20 + 8 :]


def send(path, port):
    sockets = {}
    for host, payload in payloads(path):
        if host not in sockets:
            sockets[host] = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            sockets[host].bind((f"127.0.0.{host}", 0))
        sockets[host].sendto(payload, ("127.0.0.1", int(port)))
        time.sleep(0.002)


def flags_of(text):
    if isinstance(text, int):
        return text
    return sum(1 << i for i, letter in enumerate(reversed(text)) if letter != ".")


def nfdump(theirs_path, ours_path):
    theirs = [r for r in json.load(open(theirs_path)) if isinstance(r, dict)]
    ours = flows(ours_path)
    c = Comparison()
    c.value("records", len(ours), len(theirs))
    numbers = {"packets": "in_packets", "bytes": "in_bytes", "protocol": "proto", "source_port": "src_port",
               "tos": "src_tos", "input": "input_snmp", "output": "output_snmp", "source_as": "src_as",
               "destination_as": "dst_as", "source_mask": "src_mask", "destination_mask": "dst_mask",
               "vlan": "src_vlan", "post_vlan": "dst_vlan", "reverse_packets": "out_packets",
               "reverse_bytes": "out_bytes", "post_source_port": "src_xlt_port",
               "post_destination_port": "dst_xlt_port", "forwarding_status": "fwd_status"}
    texts = {"source": ("src4_addr", "src6_addr"), "destination": ("dst4_addr", "dst6_addr"),
             "next_hop": ("ip4_next_hop", "ip6_next_hop"), "exporter": ("ip4_router", "ip6_router"),
             "post_source": ("src4_xlt_ip", "src6_xlt_ip"), "post_destination": ("dst4_xlt_ip", "dst6_xlt_ip")}
    for n, (a, b) in enumerate(zip(ours, theirs)):
        where = f"record {n}"
        # nfcapd multiplies by the rate; here counters are as exported, and the rate stands beside them
        rate = a["sampling"] if b.get("sampled") and a["sampling"] else 1
        for name, other in numbers.items():
            if other in b:
                times = rate if name in ("packets", "bytes") else 1
                c.value(name, (a.get(name) or 0) * times, int(b[other]), where)
        for name, others in texts.items():
            for other in others:
                # of a record with both families nfdump shows zeros, or half an IPv6 address as IPv4
                mine, his = a.get(name) or "0.0.0.0", b.get(other)
                if his is not None and his not in ("0.0.0.0", "::") and (":" in mine) == (":" in his):
                    c.value(name, mine, his, where)
        if "tcp_flags" in b:
            c.value("tcp_flags", a["tcp_flags"] & 255, flags_of(b["tcp_flags"]), where)
        if "icmp_type" in b and b["proto"] in (1, 58):
            c.value("icmp", a["destination_port"], b["icmp_type"] << 8 | b["icmp_code"], where)
        for name in ("first", "last"):
            stamp = b.get(name, "")
            # without a start nfdump prints 1970; an event has its own time there
            if not stamp.startswith("1970") or "event" not in a:
                c.value(name, (a[name] or "1970-01-01T00:00:00.000")[:23], stamp, where)
        if "dst_port" in b and b["proto"] not in (1, 58):
            c.value("destination_port", a["destination_port"], b["dst_port"], where)
    c.end()


def ms(stamp):
    if stamp is None:
        return None
    t = datetime.datetime.strptime(stamp, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=datetime.timezone.utc)
    return round((t - datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)) / datetime.timedelta(milliseconds=1))


def cases(folder, ours_path):
    expected = json.load(open(os.path.join(folder, "expected.json")))
    by_exporter = collections.defaultdict(list)
    for flow in flows(ours_path):
        by_exporter[flow["exporter"]].append(flow)
    c = Comparison()
    others = {"1": ["1", "85", "23"], "2": ["2", "86", "24"]}
    for case in expected["cases"]:
        ours = by_exporter[case["exporter_in_all_cases_pcap"]]
        path = os.path.join(folder, "records", case["id"] + ".ndjson")
        records = [json.loads(line) for line in open(path)] if os.path.exists(path) else []
        records = [r for r in records if r["kind"] == "data"]
        if not records or len(ours) != len(records):
            # a collector that holds sets until their template comes delivers more
            c.value(case["id"] + " records", len(ours) >= case["data_records"], True, f"{len(ours)} of {case['data_records']}")
            continue
        for n, (a, b) in enumerate(zip(ours, records)):
            f, where = b["f"], f"{case['id']} record {n}"
            plain = {"packets": "2", "bytes": "1", "source_port": "7", "destination_port": "11", "protocol": "4",
                     "tcp_flags": "6", "input": "10", "output": "14"}
            for name, key in plain.items():
                # where the deltas are 0 there are totals, or what went out
                wanted = next((f[k] for k in others.get(key, [key]) if f.get(k)), f.get(key))
                if isinstance(wanted, int) and not (name == "destination_port" and wanted == 0):
                    c.value(name, a.get(name, 0), wanted, where)
            for name, keys in {"source": ("8", "27"), "destination": ("12", "28")}.items():
                wanted = [f[k] for k in keys if f.get(k) not in (None, "0.0.0.0", "::")]
                if wanted:
                    c.value(name, a[name], wanted[0], where)
            for name, key in {"first": "start_ms", "last": "end_ms"}.items():
                if b.get(key) and not a.get("time_suspect") and not (a.get("event") and name == "last"):
                    # v9 tells the boot by whole seconds: it is estimated within one
                    near = abs(ms(a[name]) - b[key]) <= (1000 if a["version"] == 9 and "22" in f else 1)
                    c.value(name, True if near else a[name], True, f"{where} {b[key]}")
    c.end()


def same(a_path, b_path, *ignored):
    a, b = flows(a_path), flows(b_path)
    c = Comparison()
    c.value("records", len(a), len(b))
    for n, (x, y) in enumerate(zip(a, b)):
        for name in sorted(set(x) | set(y)):
            if name not in ignored:
                c.value(name, x.get(name), y.get(name), f"record {n}")
    c.end()


def cut(path, step):
    whole = open(path, "rb").read()
    lengths = range(0, len(whole), int(step))
    with tempfile.NamedTemporaryFile() as part:
        for length in lengths:
            part.seek(0)
            part.truncate()
            part.write(whole[:length])
            part.flush()
            run = subprocess.run([os.environ["NOROSHI"], "flow", "read", "--json", part.name], capture_output=True, text=True)
            if run.returncode not in (0, 3) or (run.returncode == 3) != bool(run.stderr):
                print(f"cut at {length}: exit status {run.returncode}: {run.stderr}")
                sys.exit(1)
            if not json.loads(run.stdout.splitlines()[-1])["summary"]:
                sys.exit(1)
    print(f"{len(lengths)} lengths")


def peak(mib, path):
    status = subprocess.run([os.environ["NOROSHI"], "flow", "read", "--json", path]).returncode
    used = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024
    sys.exit(status if used <= int(mib) else f"{used} MiB were used")


if __name__ == "__main__":
    acts = {"peak": peak, "send": send, "nfdump": nfdump, "cases": cases, "same": same, "cut": cut}
    if len(sys.argv) < 3 or sys.argv[1] not in acts:
        sys.exit(__doc__)
    acts[sys.argv[1]](*sys.argv[2:])
