#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Servers that a probe may meet, each at an address of its own, port 4000: probe_servers.py LOG NAME=ADDRESS...

Each connection is two lines of JSON in LOG: when it came, and at its end what was received. "ready" is printed when
all listen. The web servers are Python's own.
"""
import http.server
import json
import os
import socket
import ssl
import struct
import sys
import threading
import time

LOG = open(sys.argv[1], "a", buffering=1)
LOCK = threading.Lock()


def log(**fields):
    with LOCK:
        LOG.write(json.dumps({"time": time.time(), **fields}) + "\n")


def record(kind, body):
    return struct.pack(">BHH", kind, 0x0303, len(body)) + body


def message(kind, body):
    return bytes([kind]) + struct.pack(">I", len(body))[1:] + body


HELLO = message(2, b"\3\3" + bytes(32) + b"\0\xc0\x2f\0")


def bomb():
    """More certificates than anybody takes, in records of full size."""
    listed = (struct.pack(">I", 1000)[1:] + bytes(1000)) * 500
    stream = HELLO + message(11, struct.pack(">I", len(listed))[1:] + listed)
    return b"".join(record(22, stream[n:n + 16000]) for n in range(0, len(stream), 16000))


class Silent:
    """Says nothing, ever."""

    def begin(self, connection):
        pass

    def answer(self, connection, data):
        pass


class Banner(Silent):
    def begin(self, connection):
        connection.sendall(b"SSH-2.0-OpenSSH_9.2p1\r\n")


class Endless(Silent):
    def begin(self, connection):
        while True:
            connection.sendall(b"welcome " * 1000)


class Tarpit(Silent):
    def begin(self, connection):
        while True:
            connection.sendall(b"x")
            time.sleep(1)


class Controls(Silent):
    """Moves the cursor of who looks."""

    def begin(self, connection):
        connection.sendall(b"\x1b[2J\x1b]0;title\7\r\n")


class Deadline(Silent):
    """Closes a silent client after ten seconds, as original Mirai's controller does."""

    def begin(self, connection):
        connection.settimeout(10)


class Garbage(Silent):
    def answer(self, connection, data):
        connection.sendall(bytes(range(256)) * 8)


class Alerts(Silent):
    def answer(self, connection, data):
        while True:
            connection.sendall(record(21, b"\1\x70") * 100)


class Bomb(Silent):
    def answer(self, connection, data):
        connection.sendall(bomb())


class Slow(Silent):
    """A ServerHello, one byte a second."""

    def answer(self, connection, data):
        for octet in record(22, HELLO):
            connection.sendall(bytes([octet]))
            time.sleep(1)


class Reset(Silent):
    def begin(self, connection):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.close()


def serve(name, behaviour, connection, number):
    received = b""
    first = None
    try:
        behaviour.begin(connection)
        while True:
            data = connection.recv(65536)
            if not data:
                break
            first = first or time.time()
            received += data
            behaviour.answer(connection, data)
    except OSError:
        pass
    log(event="end", name=name, number=number, first=first, received=received.hex())
    connection.close()


def listen(address):
    listening = socket.socket()
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listening.bind((address, 4000))
    listening.listen(64)
    return listening


def accept(name, behaviour, listening):
    number = 0
    while True:
        connection, peer = listening.accept()
        number += 1
        log(event="connection", name=name, number=number, peer=peer[0])
        threading.Thread(target=serve, args=(name, behaviour, connection, number), daemon=True).start()


class Web(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def handle_one_request(self):
        super().handle_one_request()

    def do_HEAD(self):
        log(event="head", name=self.server.name, path=self.path, agent=self.headers["User-Agent"])
        self.send_response(302 if self.server.name == "redirect" else 200)
        if self.server.name == "redirect":
            self.send_header("Location", "http://10.9.0.99:4000/next")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def __getattr__(self, name):
        if name.startswith("do_"):  # any other method than HEAD
            log(event="method", name=self.server.name, method=name[3:])
        raise AttributeError(name)

    def log_message(self, *arguments):
        pass


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def process_request(self, request, client_address):
        log(event="connection", name=self.name, peer=client_address[0])
        super().process_request(request, client_address)

    def get_request(self):
        connection, peer = self.socket.accept()
        if self.context:  # the handshake belongs to the connection's thread
            connection = self.context.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
        return connection, peer

    def handle_error(self, request, client_address):
        pass


def web(name, address, certificate=None):
    server = Server((address, 4000), Web)
    server.name = name
    server.context = None
    if certificate:
        server.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        server.context.load_cert_chain(certificate)
    return server.serve_forever


PLAIN = {"silent": Silent, "counted": Silent, "banner": Banner, "endless": Endless, "tarpit": Tarpit, "controls": Controls,
         "deadline": Deadline, "garbage": Garbage, "alerts": Alerts, "bomb": Bomb, "slow": Slow, "reset": Reset}
for word in sys.argv[2:]:
    name, address = word.split("=")
    kind = name.rstrip("0123456789")
    if kind in PLAIN:
        target, arguments = accept, (name, PLAIN[kind](), listen(address))
    else:
        target, arguments = web(name, address, os.environ["CERTIFICATE"] if kind == "https" else None), ()
    threading.Thread(target=target, args=arguments, daemon=True).start()
print("ready", flush=True)
threading.Event().wait()
