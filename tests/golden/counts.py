#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Counts the TCP SYNs of a capture per time slot and port, and their sources, as the export's CSV does.

usage: counts.py CAPTURE SECONDS
"""
import collections
import os
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from recover import packets  # noqa: E402


def main():
    seconds = int(sys.argv[2])
    count, sources = collections.Counter(), collections.defaultdict(set)
    for p in packets(sys.argv[1]):
        if p.is_syn():
            key = (int(p.time) // seconds * seconds, p.dport)
            count[key] += 1
            sources[key].add(p.source)
    for (slot, port), n in count.items():
        print(f"{time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime(slot))},tcp,{port},{n},{len(sources[slot, port])}")


if __name__ == "__main__":
    main()
