# SPDX-License-Identifier: Apache-2.0
"""What law.bats needs besides noroshi: an exporter on loopback, and a look at every byte of a folder.

law.py send PORT            NetFlow v5 and IPFIX about clients of 198.51.100.0/24, 2001:db8:1::/48 and 10/8
law.py search FOLDER...     prints what of a client's address is in any file, whatever the byte order
"""
import os
import socket
import struct
import sys
import time

CLIENTS = [0xC6336400 + n for n in (7, 11, 77, 130, 201)]
PRIVATE = 0x0A010203
SERVER = 0xCB007109
CLIENT6 = bytes.fromhex("20010db8000100420000000000000007")
SERVER6 = bytes.fromhex("20010db8000200000000000000000009")
MAC = bytes.fromhex("02005e10c0de")


def netflow5(now):
    head = struct.pack(">HHIIIIBBH", 5, len(CLIENTS), 100000, now, 0, 0, 0, 0, 0)
    for n, client in enumerate(CLIENTS):
        # next hop: a client's own router
        head += struct.pack(">IIIHHIIIIHHBBBBHHBBH", client, SERVER, client, 1, 2, 10 + n, 1000 + n, 90000, 99000,
                            40000 + n, 443, 0, 0x1B, 6, 0, 0, 0, 24, 24, 0)
    return head


def ipfix(now):
    """IPv4 with a NAT's other side, MAC address and next hop; IPv6; an event of a NAT."""
    fields4 = [(8, 4), (12, 4), (225, 4), (226, 4), (15, 4), (56, 6), (2, 4), (1, 4)]
    fields6 = [(27, 16), (28, 16), (2, 4), (1, 4)]
    event = [(8, 4), (225, 4), (230, 1)]
    templates = b""
    for number, fields in ((256, fields4), (257, fields6), (258, event)):
        templates += struct.pack(">HH", number, len(fields)) + b"".join(struct.pack(">HH", *f) for f in fields)
    sets = struct.pack(">HH", 2, 4 + len(templates)) + templates
    flows = b""
    for client in CLIENTS:
        flows += struct.pack(">IIIII", client, SERVER, client ^ 1, client, client) + MAC + struct.pack(">II", 5, 500)
        flows += struct.pack(">IIIII", SERVER, client, SERVER, PRIVATE, client) + MAC + struct.pack(">II", 6, 600)
    sets += struct.pack(">HH", 256, 4 + len(flows)) + flows
    flows = CLIENT6 + SERVER6 + struct.pack(">II", 7, 700) + SERVER6 + CLIENT6 + struct.pack(">II", 8, 800)
    sets += struct.pack(">HH", 257, 4 + len(flows)) + flows
    flows = b"".join(struct.pack(">IIB", PRIVATE, client, 4) for client in CLIENTS)
    sets += struct.pack(">HH", 258, 4 + len(flows)) + flows
    return struct.pack(">HHIII", 10, 16 + len(sets), now, 0, 1) + sets


def send(port):
    out = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    now = int(time.time())
    for message in (netflow5(now), ipfix(now)):
        out.sendto(message, ("127.0.0.1", port))


def search(folders):
    wanted = {}
    for client in CLIENTS + [client ^ 1 for client in CLIENTS] + [PRIVATE]:
        text = socket.inet_ntoa(struct.pack(">I", client))
        wanted[struct.pack(">I", client)] = text
        wanted[struct.pack("<I", client)] = text + " (little-endian)"
        wanted[text.encode()] = text + " (text)"
    for half in (CLIENT6, CLIENT6[:8], CLIENT6[:8][::-1], b"2001:db8:1:42"):
        wanted[half] = "2001:db8:1:42::7"
    for folder in folders:
        for root, _, files in os.walk(folder):
            for name in files:
                path = os.path.join(root, name)
                with open(path, "rb") as file:
                    content = file.read()
                for octets, what in wanted.items():
                    if octets in content:
                        print(f"{path}: {what}")


if sys.argv[1] == "send":
    send(int(sys.argv[2]))
else:
    search(sys.argv[2:])
