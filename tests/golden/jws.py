#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""JWS by another reader, and JWS that are wrong in known ways.

jws.py verify CERTIFICATE FILE            the payload, where jwcrypto takes the signature
jws.py token                              the first token of an element of etsiU (standard input)
jws.py archive FILE DATA COVERED TOKEN    what the last archive token covers (TS 119 182-1 clause 5.3.6.3), and it
jws.py cut FILE INDEX OUT                 without one element of etsiU
jws.py pss CERT KEY OUT                   a good one that we do not make: PS256
jws.py hostile CERT KEY OTHER FILE DIR    writes seals; prints their names, indications and codes ("-": no reason)
"""
import base64
import hashlib
import json
import os
import sys

from cryptography import x509
from cryptography.hazmat.primitives import hashes, hmac, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from jwcrypto import jwk, jws


def encode(data):
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def decode(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def verify(certificate, path):
    with open(certificate, "rb") as file:
        key = jwk.JWK.from_pem(file.read())
    with open(path, encoding="utf-8") as file:
        token = jws.JWS()
        token.deserialize(file.read().strip())
    token.verify(key)
    sys.stdout.buffer.write(token.payload)


def first_token():
    element = json.loads(decode(sys.stdin.read().strip()))
    sys.stdout.buffer.write(base64.b64decode(element["sigTst"]["tstTokens"][0]["val"]))


def archive(path, data, covered, token):
    with open(path, encoding="utf-8") as file:
        seal = json.load(file)
    with open(data, "rb") as file:
        text = file.read()
    elements = seal["header"]["etsiU"]
    last = max(i for i, element in enumerate(elements) if "arcTst" in json.loads(decode(element)))
    text = seal["payload"].encode() or text
    text += f'.{seal["protected"]}.{seal["signature"]}.{"".join(elements[:last])}'.encode()
    with open(covered, "wb") as file:
        file.write(text)
    with open(token, "wb") as file:
        file.write(base64.b64decode(json.loads(decode(elements[last]))["arcTst"]["tstTokens"][0]["val"]))


def cut(path, index, out):
    with open(path, encoding="utf-8") as file:
        seal = json.load(file)
    del seal["header"]["etsiU"][int(index)]
    with open(out, "w", encoding="utf-8") as file:
        json.dump(seal, file)


class Maker:
    def __init__(self, certificate, key, other):
        with open(certificate, "rb") as file:
            self.der = x509.load_pem_x509_certificate(file.read()).public_bytes(serialization.Encoding.DER)
        with open(other, "rb") as file:
            self.other = x509.load_pem_x509_certificate(file.read()).public_bytes(serialization.Encoding.DER)
        with open(key, "rb") as file:
            self.key = serialization.load_pem_private_key(file.read(), None)

    def header(self, **changes):
        made = {"alg": "ES256", "x5t#S256": encode(hashlib.sha256(self.der).digest()),
                "x5c": [base64.b64encode(self.der).decode()], "iat": 1795500000}
        made.update(changes)
        return {name: value for name, value in made.items() if value is not None}

    def sign(self, text, digest=hashes.SHA256(), half=32):
        r, s = decode_dss_signature(self.key.sign(text, ec.ECDSA(digest)))
        return r.to_bytes(half, "big") + s.to_bytes(half, "big")

    def parts(self, header, payload=b"data", signature=None):
        if not isinstance(header, (str, bytes)):
            header = json.dumps(header)
        header = encode(header.encode() if isinstance(header, str) else header)
        signed = f"{header}.{encode(payload)}".encode()
        return header, encode(payload), encode(self.sign(signed) if signature is None else signature)

    def compact(self, header, **more):
        return ".".join(self.parts(header, **more))

    def flat(self, header, unsigned=None, **more):
        protected, payload, signature = self.parts(header, **more)
        made = {"payload": payload, "protected": protected, "signature": signature}
        if unsigned is not None:
            made["header"] = unsigned
        return json.dumps(made)


def pss(certificate, key, out):
    maker = Maker(certificate, key, certificate)
    token = jws.JWS(b"data")
    with open(key, "rb") as file:
        token.add_signature(jwk.JWK.from_pem(file.read()), None, json.dumps(maker.header(alg="PS256")))
    with open(out, "w", encoding="utf-8") as file:
        file.write(token.serialize(compact=True))


def reference(data, **changes):
    made = {"mId": "http://uri.etsi.org/19182/ObjectIdByURIHash", "pars": ["notice.txt"], "hashM": "S256",
            "hashV": [encode(hashlib.sha256(data).digest())]}
    made.update(changes)
    return made


def hostile(certificate, key, other, path, folder):
    m = Maker(certificate, key, other)
    with open(path, "rb") as file:
        data = file.read()
    good = m.header()
    text = json.dumps(good)
    mac = hmac.HMAC(m.der, hashes.SHA256())
    mac.update(f'{encode(json.dumps(m.header(alg="HS256")).encode())}.{encode(b"data")}'.encode())
    raw = m.parts(good)
    element = encode(json.dumps({"sigTst": {"tstTokens": [{"val": "AAAA"}]}}).encode())
    detached = {"crit": ["sigD", "b64"], "b64": False}
    failed, unsure = "TOTAL-FAILED", "INDETERMINATE"
    rows = [
        ("good.jws", m.compact(good), "TOTAL-PASSED", "-"),
        ("good.json", m.flat(good), "TOTAL-PASSED", "-"),
        ("general.json", json.dumps({"payload": raw[1], "signatures": [{"protected": raw[0], "signature": raw[2]}]}),
         "TOTAL-PASSED", "-"),
        ("none.jws", m.compact(m.header(alg="none"), signature=b""), failed, "CRYPTO_CONSTRAINTS_FAILURE"),
        ("mac.jws", m.compact(m.header(alg="HS256"), signature=mac.finalize()), failed, "CRYPTO_CONSTRAINTS_FAILURE"),
        ("no-alg.jws", m.compact(m.header(alg=None)), failed, "FORMAT_FAILURE"),
        ("wrong-curve.jws", m.compact(m.header(alg="ES384")), failed, "FORMAT_FAILURE"),
        ("rsa.jws", m.compact(m.header(alg="RS256")), failed, "FORMAT_FAILURE"),
        ("der.jws", m.compact(good, signature=m.key.sign(b"x", ec.ECDSA(hashes.SHA256()))), failed, "FORMAT_FAILURE"),
        ("short.jws", m.compact(good, signature=bytes(63)), failed, "FORMAT_FAILURE"),
        ("zeros.jws", m.compact(good, signature=bytes(64)), failed, "SIG_CRYPTO_FAILURE"),
        ("changed.jws", ".".join((raw[0], encode(b"date"), raw[2])), failed, "SIG_CRYPTO_FAILURE"),
        ("unnamed.jws", m.compact(m.header(**{"x5t#S256": None})), failed, "FORMAT_FAILURE"),
        ("replaced.jws", m.compact(m.header(x5c=[base64.b64encode(m.other).decode()])), unsure,
         "NO_SIGNING_CERTIFICATE_FOUND"),
        ("no-certificate.jws", m.compact(m.header(x5c=None)), unsure, "NO_SIGNING_CERTIFICATE_FOUND"),
        ("crit-unknown.jws", m.compact(m.header(crit=["exp"], exp=1)), unsure, "SIG_CONSTRAINTS_FAILURE"),
        ("crit-absent.jws", m.compact(m.header(crit=["sigD"])), failed, "FORMAT_FAILURE"),
        ("crit-empty.jws", m.compact(m.header(crit=[])), failed, "FORMAT_FAILURE"),
        ("crit-text.jws", m.compact(m.header(crit="sigD")), failed, "FORMAT_FAILURE"),
        ("twice.jws", m.compact(text[:-1] + ', "alg": "ES256"}'), failed, "FORMAT_FAILURE"),
        ("escaped.jws", m.compact(text.replace('"alg"', '"\\u0061lg"')), failed, "FORMAT_FAILURE"),
        ("not-utf8.jws", m.compact(text.encode()[:-1] + b', "a": "\xff"}'), failed, "FORMAT_FAILURE"),
        ("deep.jws", m.compact(text[:-1] + ', "a": ' + "[" * 40 + "]" * 40 + "}"), failed, "FORMAT_FAILURE"),
        ("array.jws", m.compact("[]"), failed, "FORMAT_FAILURE"),
        ("padded.jws", "=.".join(raw[:2]) + "." + raw[2], failed, "FORMAT_FAILURE"),
        ("four.jws", ".".join(raw) + ".", failed, "FORMAT_FAILURE"),
        ("unsigned-alg.json", m.flat(good, {"alg": "ES256"}), failed, "FORMAT_FAILURE"),
        ("unsigned-iat.json", m.flat(good, {"iat": 1}), failed, "FORMAT_FAILURE"),
        ("b64.jws", m.compact(m.header(b64=False)), failed, "FORMAT_FAILURE"),
        ("token.json", m.flat(good, {"etsiU": [element]}), unsure, "FORMAT_FAILURE"),
        ("element.json", m.flat(good, {"etsiU": ["!"]}), unsure, "FORMAT_FAILURE"),
        ("both.jws", m.compact(m.header(sigD=reference(data), crit=["sigD"])), failed, "FORMAT_FAILURE"),
        ("fetch.jws", m.compact(m.header(sigD=reference(data, mId="http://uri.etsi.org/19182/ObjectIdByURI"), **detached),
                                payload=b""), unsure, "SIGNED_DATA_NOT_FOUND"),
        ("sha1.jws", m.compact(m.header(sigD=reference(data, hashM="S1"), **detached), payload=b""), unsure,
         "CRYPTO_CONSTRAINTS_FAILURE"),
        ("two-files.jws", m.compact(m.header(sigD=reference(data, pars=["a", "b"]), **detached), payload=b""), failed,
         "FORMAT_FAILURE"),
    ]
    os.makedirs(folder, exist_ok=True)
    for name, seal, indication, code in rows:
        with open(f"{folder}/{name}", "w", encoding="utf-8") as file:
            file.write(seal)
        print(name, indication, code)


if __name__ == "__main__":
    {"verify": verify, "token": first_token, "archive": archive, "cut": cut, "pss": pss, "hostile": hostile}[sys.argv[1]](*sys.argv[2:])
