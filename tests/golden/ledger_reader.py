#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Reads a log by C2SP tlog-tiles from any web server, and nothing else of noroshi: checkpoint, tiles, one entry; checks
the signature and the entry's proof by the recursive definition of RFC 6962 section 2.1.

usage: ledger_reader.py URL VKEY INDEX      prints the entry; exit 1: something does not hold
"""
import base64
import hashlib
import subprocess
import sys
import tempfile
import urllib.request

url, vkey, index = sys.argv[1].rstrip("/"), sys.argv[2], int(sys.argv[3])


def fail(reason):
    sys.exit(f"ledger_reader: {reason}")


def get(path):
    with urllib.request.urlopen(f"{url}/{path}", timeout=10) as answer:
        return answer.read()


def sha256(data):
    return hashlib.sha256(data).digest()


def tile_path(level, number, width):
    groups = [f"{number % 1000:03}"]
    while number >= 1000:
        number //= 1000
        groups.insert(0, f"x{number % 1000:03}")
    return f"tile/{level}/" + "/".join(groups) + ("" if width == 256 else f".p/{width}")


def width_of(level, number, size):
    return min(256, size // (256 ** (0 if level == "entries" else level)) - 256 * number)


def open_checkpoint():
    """The text of the checkpoint, signed by the key of VKEY (Ed25519, checked by openssl)."""
    text, _, lines = get("checkpoint").rpartition(b"\n\n")
    text += b"\n"
    name, key_id, key = vkey.split("+", 2)
    key = base64.b64decode(key)
    if key[0] != 1 or sha256(name.encode() + b"\n" + key)[:4].hex() != key_id:
        fail("not an Ed25519 verifier key")
    for line in lines.decode().splitlines():
        dash, signer, signature = line.split(" ")
        signature = base64.b64decode(signature)
        if dash != "\u2014" or signer != name or signature[:4].hex() != key_id:
            continue
        with tempfile.TemporaryDirectory() as folder:
            spki = bytes.fromhex("302a300506032b6570032100") + key[1:]
            for file, data in (("key", spki), ("text", text), ("signature", signature[4:])):
                with open(f"{folder}/{file}", "wb") as out:
                    out.write(data)
            done = subprocess.run(["openssl", "pkeyutl", "-verify", "-pubin", "-inkey", f"{folder}/key", "-keyform",
                                   "DER", "-rawin", "-in", f"{folder}/text", "-sigfile", f"{folder}/signature"],
                                  capture_output=True, check=False)
            if done.returncode == 0:
                return text
        fail("the signature does not hold")
    fail("not signed by this key")


tiles = {}


def perfect(level, number, size):
    """The hash of the full subtree of 2^level leaves."""
    tile_level, inside = divmod(level, 8)
    first = number << inside
    tile = first // 256
    if (tile_level, tile) not in tiles:
        tiles[tile_level, tile] = get(tile_path(tile_level, tile, width_of(tile_level, tile, size)))
    data = tiles[tile_level, tile]
    hashes = [data[32 * i:32 * i + 32] for i in range(first % 256, first % 256 + (1 << inside))]
    while len(hashes) > 1:
        hashes = [sha256(b"\1" + hashes[i] + hashes[i + 1]) for i in range(0, len(hashes), 2)]
    return hashes[0]


def root(start, end, size):
    """MTH of the leaves from start to end."""
    n = end - start
    if n & (n - 1) == 0:
        level = n.bit_length() - 1
        return perfect(level, start >> level, size)
    k = 1 << (n.bit_length() - 1)
    return sha256(b"\1" + root(start, start + k, size) + root(start + k, end, size))


def path_root(start, end, leaf, size):
    """The root as the entry's leaf and the hashes beside its way up make it."""
    n = end - start
    if n == 1:
        return leaf
    k = 1 << (n - 1).bit_length() - 1
    if index - start < k:
        return sha256(b"\1" + path_root(start, start + k, leaf, size) + root(start + k, end, size))
    return sha256(b"\1" + root(start, start + k, size) + path_root(start + k, end, leaf, size))


origin, size, wanted = open_checkpoint().decode().splitlines()[:3]
size, wanted = int(size), base64.b64decode(wanted)
if not index < size:
    fail(f"no entry {index}")
bundle = get(tile_path("entries", index // 256, width_of("entries", index // 256, size)))
for _ in range(index % 256 + 1):
    length = int.from_bytes(bundle[:2], "big")
    entry, bundle = bundle[2:2 + length], bundle[2 + length:]
if path_root(0, size, sha256(b"\0" + entry), size) != wanted or root(0, size, size) != wanted:
    fail("the entry does not lead to the root")
sys.stdout.buffer.write(entry + b"\n")
