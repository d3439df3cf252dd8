#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A small PDF with a table of cross-references, and sealed ones that somebody changed.

pdf.py                              writes one to standard output
pdf.py hostile TABLE STREAM DIR     changes both; prints names, the first seal's indication, whether something came
                                    later, and a word that a reason must say ("-": any)
"""
import os
import re
import sys

TEXT = b"BT /F 12 Tf 20 80 Td (Notice) Tj ET"
SMALL = [b"<</Type/Catalog/Pages 2 0 R>>", b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
         b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 200 100]/Contents 4 0 R/Resources<</Font<</F 5 0 R>>/XObject<</X 70 0 R>>>>>>",
         b"<</Length %d>>\nstream\n%s\nendstream" % (len(TEXT), TEXT),
         b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>"]


def table(at, size, more):
    rows = b"".join(b"%d 1\n%010d 00000 n \n" % (number, place) for number, place in sorted(at.items()))
    return b"xref\n" + rows + b"trailer\n<</Size %d %s>>\n" % (size, more)


def small():
    text, at = b"%PDF-1.7\n%\xe7\x8b\xbc\n", {}
    for number, body in enumerate(SMALL, 1):
        at[number] = len(text)
        text += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    rows = b"".join(b"%010d 00000 n \n" % at[number] for number in sorted(at))
    return text + b"xref\n0 6\n0000000000 65535 f \n" + rows + b"trailer\n<</Size 6/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n" % len(text)


class Sealed:
    def __init__(self, text):
        self.text = text
        self.range = re.search(rb"/ByteRange \[0 (\d+) (\d+) (\d+) *\]", text)
        self.before, self.after, self.rest = map(int, self.range.groups())
        self.table = int(re.findall(rb"startxref\s+(\d+)", text)[-1])
        self.size = int(re.findall(rb"/Size (\d+)", text)[-1])
        self.root = int(re.findall(rb"/Root (\d+)", text)[-1])

    def object(self, number):
        return re.findall(rb"(?:^|\n)%d 0 obj\s(.*?)\sendobj" % number, self.text, re.S)[-1]

    def ranges(self, *numbers):
        made = b"/ByteRange [" + b" ".join(b"%d" % number for number in numbers) + b"]"
        room = self.range.end() - self.range.start()
        return self.text[:self.range.start()] + made.ljust(room) + self.text[self.range.end():]

    def at(self, place, octets):
        return self.text[:place] + octets + self.text[place + len(octets):]

    def update(self, objects, prev=None, root=None, more=b"", size=None):
        text, at = self.text, {}
        for number, body in objects.items():
            at[number] = len(text)
            text += b"%d 0 obj\n%s\nendobj\n" % (number, body)
        more += b"/Prev %d/Root %d 0 R" % (self.table if prev is None else prev(len(text)), root or self.root)
        size = size or max([self.size - 1, *objects]) + 1
        return text + table(at, size, more) + b"startxref\n%d\n%%%%EOF\n" % len(text)


def rows_of(sealed, updates):
    s, a, b, c = sealed, sealed.before, sealed.after, sealed.rest
    failed, unsure, passed = "TOTAL-FAILED", "INDETERMINATE", "TOTAL-PASSED"
    rows = [
        ("good", s.text, passed, False, "-"),
        ("space", s.text + b"\r\n \n", passed, False, "-"),
        ("gap", s.ranges(0, a - 10, b, c), failed, False, "gap"),
        ("overlap", s.ranges(0, a, b - 10, c + 10), failed, False, "overlap"),
        ("start", s.ranges(1, a - 1, b, c), failed, False, "leaves"),
        ("three", s.ranges(0, a, b, 9, 9, 9), failed, False, "two"),
        ("one", s.ranges(0, len(s.text)), failed, False, "two"),
        ("beyond", s.ranges(0, a, b, c + 5), failed, False, "beyond"),
        ("short", s.ranges(0, a, b, c - 7), failed, True, "revision"),
        ("huge", s.ranges(0, a, b, 999999999999), failed, False, "beyond"),
        ("two-messages", s.at(b - 41, b"3003020100" * 4), failed, False, "behind"),
        ("no-message", s.at(a + 1, b"0" * 40), failed, False, "signature"),
        ("octet", s.at(60, b"\x01"), failed, False, "digest"),
        ("garbage", s.text + b"garbage", failed, False, "startxref"),
        ("cut", s.text[:-200], failed, False, "startxref"),
        ("filter", s.text.replace(b"/ETSI.CAdES.detached", b"/adbe.pkcs7.detached"), failed, False, "PAdES"),
    ]
    if not updates:
        return rows
    page, catalog = s.object(3), s.object(1)
    new = s.size
    field = int(re.search(rb"/Annots \[(\d+)", page).group(1))
    widget = s.object(field)
    value = int(re.search(rb"/V (\d+)", widget).group(1))
    listed = b"/Annots [%d 0 R " % new
    return rows + [
        ("unused", s.update({new: b"<</A 1>>"}), unsure, True, "added"),
        ("shadow", s.update({70: b"<</Type/XObject/Subtype/Form/BBox[0 0 9 9]/Length 0>>\nstream\n\nendstream"}), unsure,
         True, "pointed"),
        ("page", s.update({3: page.replace(b"/MediaBox [0 0 200", b"/MediaBox [0 0 100").replace(b"[0 0 200", b"[0 0 100")}),
         unsure, True, "changed"),
        ("content", s.update({4: s.object(4).replace(b"Notice", b"Cheque")}), unsure, True, "changed"),
        ("appended-page", s.update({2: b"<</Type/Pages/Kids[3 0 R %d 0 R]/Count 2>>" % new,
                                    new: b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]>>"}), unsure, True, "changed"),
        ("annotation", s.update({3: page.replace(b"/Annots [", listed),
                                 new: b"<</Type/Annot/Subtype/FreeText/Rect[0 0 99 99]/Contents(x)>>"}), unsure, True,
         "changed"),
        ("visible", s.update({3: re.sub(rb"/Annots \[(.*?)\]", rb"/Annots [\1 %d 0 R]" % new, page),
                              new: widget.replace(b"[0 0 0 0]", b"[0 0 99 99]").replace(b"/V %d" % value, b"/V %d" % (new + 1)),
                              new + 1: b"<</Type/Sig/ByteRange[0 1 2 3]/Contents<00>>>"}), unsure, True, "changed"),
        ("action", s.update({1: catalog[:-2] + b"/OpenAction[3 0 R/Fit]>>"}), unsure, True, "changed"),
        ("form", s.update({1: catalog.replace(b"/SigFlags 3", b"/NeedAppearances true/SigFlags 3")}), unsure, True,
         "changed"),
        ("field-removed", s.update({1: re.sub(rb"/Fields \[.*?\]", b"/Fields []", catalog)}), failed, False, "without a seal"),
        ("seal-replaced", s.update({value: b"<</Type/Sig/SubFilter/ETSI.CAdES.detached>>"}), failed, False, "Range"),
        ("seal-moved", s.update({value: s.object(value)}), failed, False, "Range"),
        ("catalog", s.update({new: catalog}, root=new), unsure, True, "catalog"),
        ("circle", s.update({new: b"<<>>"}, prev=lambda at: at), failed, False, "circle"),
        ("hybrid", s.update({new: b"<<>>"}, more=b"/XRefStm 100"), failed, False, "hybrid"),
        ("encrypted", s.update({new: b"<<>>"}, more=b"/Encrypt %d 0 R" % new), failed, False, "encrypted"),
        ("smaller", s.update({3: page}, size=4), failed, False, "smaller"),
        ("validation", s.update({1: catalog[:-2] + b"/DSS %d 0 R>>" % new, new: b"<</Type/DSS/Certs[%d 0 R]>>" % (new + 1),
                                 new + 1: b"<</Length 0>>\nstream\n\nendstream"}), passed, True, "LATER_CHANGES"),
    ]


def mix(sealed):
    """A table behind a stream of cross-references."""
    return [("mixed", sealed.update({sealed.size: b"<<>>"}), "TOTAL-FAILED", False, "one file")]


def hostile(with_table, with_stream, folder):
    os.makedirs(folder, exist_ok=True)
    for path, kind in ((with_table, "table"), (with_stream, "stream")):
        with open(path, "rb") as file:
            sealed = Sealed(file.read())
        rows = rows_of(sealed, kind == "table") + (mix(sealed) if kind == "stream" else [])
        for name, text, indication, later, word in rows:
            with open(f"{folder}/{kind}-{name}.pdf", "wb") as file:
                file.write(text)
            print(f"{kind}-{name}.pdf", indication, str(later).lower(), word)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        hostile(*sys.argv[2:])
    else:
        sys.stdout.buffer.write(small())
