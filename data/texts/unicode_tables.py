#!/usr/bin/env python3
"""Writes the tables of data/texts/unicode.c and data/texts/html.c from Python's own Unicode and HTML data.

Usage: build-peers/bin/python data/texts/unicode_tables.py     (in the root of the source tree)
Made with Python 3.11, Unicode 14.0; another version gives the same tables for older characters. Letters and numbers
are those of the module regex 2023.12.25, Unicode 15.1, which CLIP's tokenizers split words by.
"""
import html
import html.entities
import sys
import unicodedata

import regex

LAST = 0x110000
SURROGATES = range(0xD800, 0xE000)
CODES = [c for c in range(LAST) if c not in SURROGATES]


def runs(key):
    """Consecutive code points with the same value of key (not None): [first, last, value]."""
    out = []
    for c in CODES:
        v = key(c)
        if v is None:
            continue
        if out and out[-1][1] == c - 1 and out[-1][2] == v:
            out[-1][1] = c
        else:
            out.append([c, c, v])
    return out


def kind(c):
    s = chr(c)
    if s.isspace() and not 0x1C <= c <= 0x1F:
        return "UNICODE_SPACE"
    if regex.match(r"\p{L}", s):
        return "UNICODE_LETTER"
    return "UNICODE_NUMBER" if regex.match(r"\p{N}", s) else None


def is_cased(c):
    return (chr(c) + "\u03a3").lower().endswith("\u03c2")


def sigma_kind(c):
    """How str.lower() sees a neighbour of a capital sigma."""
    if is_cased(c):
        return "SIGMA_CASED"
    if ("A" + chr(c) + "\u03a3").lower().endswith("\u03c2"):
        return "SIGMA_IGNORED"
    return None


def lower_runs():
    """Lower-case mappings as [first, last, step, difference]."""
    out = []
    for c in CODES:
        low = chr(c).lower()
        if len(low) != 1 or ord(low) == c:
            continue
        d = ord(low) - c
        if out and out[-1][3] == d:
            first, last, step, _ = out[-1]
            if step == 0 and c - last <= 2:
                out[-1][1:3] = [c, c - last]
                continue
            if step and c - last == step:
                out[-1][1] = c
                continue
        out.append([c, c, 0, d])
    for row in out:
        row[2] = row[2] or 1
    return out


def decompositions():
    """[code, first, second or 0, composes] of every canonical decomposition except Hangul."""
    out = []
    for c in CODES:
        d = unicodedata.decomposition(chr(c))
        if not d or d.startswith("<"):
            continue
        parts = [int(x, 16) for x in d.split()]
        back = unicodedata.normalize("NFC", "".join(map(chr, parts))) == chr(c)
        out.append([c, parts[0], parts[1] if len(parts) > 1 else 0, int(len(parts) > 1 and back)])
    return out


def widths():
    """Full-width and half-width forms and what they stand for, as ftfy maps them."""
    out = []
    for c in range(0xFF01, 0xFFF0):
        s = unicodedata.normalize("NFKC", chr(c))
        if s != chr(c):
            assert len(s) <= 2
            out.append([c, ord(s[0]), ord(s[1]) if len(s) > 1 else 0])
    return out


def rows(items):
    """Items joined to lines of at most 96 columns."""
    line = "   "
    for item in items:
        if len(line) + len(item) + 2 > 96:
            yield line
            line = "   "
        line += " " + item + ","
    yield line


def table(f, declaration, items):
    f.write(f"static const {declaration} = {{\n")
    f.write("\n".join(rows(items)))
    f.write("\n};\n\n")


def begin(f, name, text, script="data/texts/unicode_tables.py"):
    guard = "DATA_" + name.upper().replace(".", "_")
    f.write(f"/* {name}: {text}\n * Written by {script}; do not edit. */\n")
    f.write(f"#ifndef {guard}\n#define {guard}\n\n#include <stdint.h>\n\n// clang-format off\n\n")


def number(x):
    return hex(x) if x > 9 else str(x)


def write_classes(path):
    with open(path, "w") as f:
        begin(f, "unicode_class_table.h", "classes (Unicode 15.1) and lower case (Unicode "
              + unicodedata.unidata_version + ") of code points.")
        f.write("/* kind: 1 white space, 2 letter, 3 number (enum unicode_class). */\n")
        short = {"UNICODE_SPACE": 1, "UNICODE_LETTER": 2, "UNICODE_NUMBER": 3}
        table(f, "struct { uint32_t first, last; uint8_t kind; } class_table[]",
              ["{%s,%s,%d}" % (number(a), number(b), short[k]) for a, b, k in runs(kind)])
        f.write("/* Neighbours of a capital sigma: 1 cased, 2 ignored. */\n")
        short = {"SIGMA_CASED": 1, "SIGMA_IGNORED": 2}
        table(f, "struct { uint32_t first, last; uint8_t kind; } sigma_table[]",
              ["{%s,%s,%d}" % (number(a), number(b), short[k]) for a, b, k in runs(sigma_kind)])
        f.write("/* first, first + step ... last become lower case by adding difference. */\n")
        table(f, "struct { uint32_t first, last; int32_t step, difference; } lower_table[]",
              ["{%s,%s,%d,%d}" % (number(a), number(b), s, d) for a, b, s, d in lower_runs()])
        f.write("/* Full-width and half-width forms. */\n")
        table(f, "struct { uint16_t code, first, second; } width_table[]",
              ["{%s,%s,%s}" % tuple(map(number, row)) for row in widths()])
        f.write("// clang-format on\n\n#endif\n")


def write_compositions(path):
    with open(path, "w") as f:
        begin(f, "unicode_compose_table.h", "canonical decompositions and combining classes, "
              "Unicode " + unicodedata.unidata_version + ".")
        f.write("/* code = first + second (0: first alone); composes: NFC puts them together. */\n")
        table(f, "struct { uint32_t code, first, second; uint8_t composes; } compose_table[]",
              ["{%s,%s,%s,%d}" % (number(a), number(b), number(c), d)
               for a, b, c, d in decompositions()])
        table(f, "struct { uint32_t first, last; uint8_t order; } combining_table[]",
              ["{%s,%s,%d}" % (number(a), number(b), k)
               for a, b, k in runs(lambda c: unicodedata.combining(chr(c)) or None)])
        f.write("// clang-format on\n\n#endif\n")


def c_string(s):
    return '"' + s.replace("\\", "\\\\").replace('"', '\\"') + '"'


def write_html(path):
    with open(path, "w") as f:
        begin(f, "html_table.h", "HTML 5 names of characters, sorted by bytes.")
        f.write("/* Code points; second is 0 for most. */\n")
        items = []
        for name, s in sorted(html.entities.html5.items(), key=lambda x: x[0].encode()):
            assert len(s) <= 2
            items.append("{%s,%s,%s}" % (c_string(name), number(ord(s[0])),
                                         number(ord(s[1])) if len(s) > 1 else "0"))
        table(f, "struct { const char *name; uint32_t first, second; } name_table[]", items)
        f.write("/* Capitals of the characters above: what ftfy makes of a name written in capitals. */\n")
        capitals = {c: c.upper() for s in html.entities.html5.values() for c in s if c.upper() != c}
        assert max(map(len, capitals.values())) <= 3
        table(f, "struct { uint32_t code; uint16_t upper[3]; } capital_table[]",
              ["{%s,{%s}}" % (number(ord(c)), ",".join(number(ord(u)) for u in up)) for c, up in sorted(capitals.items())])
        f.write("/* &#128; to &#159; mean Windows-1252; */\n")
        items = []
        for c in range(0x80, 0xA0):
            items.append(number(ord(html.unescape("&#%d;" % c))))
        table(f, "uint32_t windows_table[32]", items)
        f.write("// clang-format on\n\n#endif\n")


if __name__ == "__main__":
    sys.stdout.write("Python %s, Unicode %s\n" % (sys.version.split()[0], unicodedata.unidata_version))
    write_classes("data/texts/unicode_class_table.h")
    write_compositions("data/texts/unicode_compose_table.h")
    write_html("data/texts/html_table.h")
