#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Measures early warning on worlds of known onset: found or not, how late, and what was false.

	tests/bench/early.py PROGRAM [SEEDS]

Each seed makes two worlds of three days: one with every campaign of `noroshi world darknet --campaign`, one
without. A warning is false where its port is neither a campaign's nor that of the world's own outbreak (a Mirai
variant on 37215/TCP, in every world). Prints the Markdown tables of docs/detection-telescope.md.
"""
import datetime
import json
import os
import subprocess
import sys
import tempfile

DARK, DAYS, WARM = "198.18.0.0/18", 3, 1
OWN_OUTBREAK = "tcp/37215"


def seconds(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def run(program, folder, seed, campaigns):
    base = os.path.join(folder, f"w{seed}")
    world = [program, "world", "darknet", "--seed", str(seed), "--packets", "500000", "--dark", DARK]
    world += ["--out", base + ".pcap", "--mmdb", base + ".mmdb", "--lists", base + ".json", "--duration", f"{DAYS}d"]
    subprocess.run(world + (["--campaign", "all"] if campaigns else []), check=True, stdout=subprocess.DEVNULL)
    read = [program, "telescope", "read", base + ".pcap", "--dark", DARK, "--mmdb", base + ".mmdb"]
    read += ["--lists", base + ".json", "--store", base + ".db"]
    subprocess.run(read, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    rows, after = [], None
    while True:
        ask = [program, "telescope", "report", "--by", "warning", "--json", "--notable", "all", "--limit", "1000", "--store", base + ".db"]
        page = json.loads(subprocess.run(ask + (["--after", after] if after else []), stdout=subprocess.PIPE).stdout)
        rows += page["rows"]
        after = page["next"]
        if not after:
            break
    with open(base + ".pcap.truth.json") as file:
        truth = json.load(file)
    for end in (".pcap", ".mmdb", ".json", ".db", ".pcap.truth.json"):
        os.remove(base + end)
    return truth, rows


def key_of(campaign):
    return f"tcp/{campaign['port']}"


def delays(rows, campaign, kind):
    onset = seconds(campaign["first"])
    for row in sorted(rows, key=lambda r: r["time"]):
        if row["kind"] != kind or row["key"] != key_of(campaign):
            continue
        # a slot of ChangeFinder is told when it is over
        alarm = seconds(row["evidence"]["alarm"]) if kind == "synchrony" else seconds(row["time"]) + 600
        if onset - 600 <= alarm <= onset + 12 * 3600:
            return (alarm - onset) / 60
    return None


def cell(values, total):
    found = sorted(v for v in values if v is not None)
    if not found:
        return f"0 of {total} | -"
    return f"{len(found)} of {total} | {found[len(found) // 2]:.0f} ({found[0]:.0f} to {found[-1]:.0f})"


def main():
    program, seeds = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 6
    spread, change, decoys, false, findings = {}, {}, {}, {True: [], False: []}, []
    with tempfile.TemporaryDirectory() as folder:
        for campaigns in (True, False):
            for seed in range(1, seeds + 1):
                truth, rows = run(program, folder, seed, campaigns)
                known = {key_of(c) for c in truth["injected"]} | {OWN_OUTBREAK}
                for c in truth["injected"]:
                    spread.setdefault(c["name"], []).append(delays(rows, c, "synchrony"))
                    change.setdefault(c["name"], []).append(delays(rows, c, "changefinder"))
                for c in truth["decoy"]:
                    hit = any(r["kind"] == "synchrony" and r["key"] == key_of(c) for r in rows)
                    decoys.setdefault(c["name"], []).append(hit)
                false[campaigns] += [r for r in rows if r["kind"] == "synchrony" and r["key"] not in known]
                if not campaigns:
                    findings.append([sum(r["kind"] == kind for r in rows) for kind in
                                     ("synchrony", "changefinder", "slow-scanner", "aggressive")])
    print("| campaign | spread: found | delay, min | ChangeFinder: found | delay, min |")
    print("|---|---|---|---|---|")
    for name in spread:
        print(f"| {name} | {cell(spread[name], seeds)} | {cell(change[name], seeds)} |")
    print()
    for name, hits in decoys.items():
        print(f"* decoy {name}: {sum(hits)} of {seeds} taken for spreading")
    days = seeds * (DAYS - WARM)
    for campaigns, rows in false.items():
        print(f"* {'with' if campaigns else 'without'} campaigns: {len(rows)} false spread warnings in {days} days "
              f"({', '.join(sorted({r['key'] for r in rows})) or 'none'})")
    mean = [sum(f[i] for f in findings) / seeds / DAYS for i in range(4)]
    print(f"* rows a day without campaigns: {mean[0]:.1f} synchrony, {mean[1]:.1f} changefinder, "
          f"{mean[2]:.1f} slow-scanner, {mean[3]:.1f} aggressive")


main()
