# SPDX-License-Identifier: Apache-2.0
# A tun interface, which has no Ethernet: 100 SYNs come in through it when the file "go" appears. usage: tun.py NAME GO
import fcntl
import os
import socket
import struct
import subprocess
import sys
import time

TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 1, 0x1000
name, go = sys.argv[1:]
tun = os.open("/dev/net/tun", os.O_RDWR)
fcntl.ioctl(tun, TUNSETIFF, struct.pack("16sH", name.encode(), IFF_TUN | IFF_NO_PI))
subprocess.run(["ip", "link", "set", name, "up"], check=True)
for _ in range(300):
    if os.path.exists(go):
        break
    time.sleep(0.1)
for i in range(100):
    tcp = struct.pack("!HHIIBBHHH", 40000, 23, i, 0, 0x50, 2, 1024, 0, 0)
    source, destination = socket.inet_aton(f"1.0.0.{i % 10 + 1}"), socket.inet_aton(f"198.18.0.{i}")
    os.write(tun, struct.pack("!BBHHHBBH4s4s", 0x45, 0, 40, 1, 0x4000, 64, 6, 0, source, destination) + tcp)
time.sleep(30)
