#!/usr/bin/env python3
"""Writes data/texts/mojibake_table.h from the regular expressions and encodings of ftfy.

Usage: build-peers/bin/python data/texts/mojibake_table.py     (in the root of the source tree; made with ftfy 6.1.3)
Each expression is a list of alternatives, and each alternative a list of sets of characters. A set gets a bit, and a
character the bits of the sets that it is in; so a match is a few comparisons of bits. In a pattern a number below 64
is such a bit, any other a single character.
"""
import re
import re._parser as parser
import sys

sys.path.insert(0, "data")
from ftfy import badness, chardata
import ftfy.bad_codecs
from unicode_tables import begin, number, table


def set_of(op, value, size):
    """The characters below size that a node of the syntax tree stands for."""
    every = range(size)
    if op is parser.LITERAL:
        return frozenset([value])
    if op is parser.NOT_LITERAL:
        return frozenset(c for c in every if c != value)
    if op is parser.ANY:
        return frozenset(c for c in every if c != 10)
    found = set()
    negate = False
    for kind, x in value:
        if kind is parser.NEGATE:
            negate = True
        elif kind is parser.LITERAL:
            found.add(x)
        elif kind is parser.RANGE:
            found.update(range(x[0], x[1] + 1))
        elif kind is parser.CATEGORY:
            pattern = {parser.CATEGORY_WORD: r"\w", parser.CATEGORY_SPACE: r"\s"}[x]
            found.update(c for c in every if re_match(pattern, c))
        else:
            raise ValueError(kind)
    return frozenset(every) - found if negate else frozenset(found)


def re_match(pattern, code):
    return re.match(pattern, chr(code)) is not None


def alternatives(nodes, size):
    """Every way through the nodes: (only at the beginning, [set, ...])."""
    ways = [(False, [])]
    for op, value in nodes:
        if op is parser.BRANCH:
            more = [w for branch in value[1] for w in alternatives(branch, size)]
        elif op is parser.SUBPATTERN:
            more = alternatives(value[3], size)
        elif op is parser.AT:
            more = [(True, [])]
        elif op is parser.MAX_REPEAT:
            low, high, inner = value
            more = []
            for n in range(high, low - 1, -1):
                more += alternatives(list(inner) * n, size)
        else:
            more = [(False, [set_of(op, value, size)])]
        ways = [(a or b, x + y) for a, x in ways for b, y in more]
    return ways


class Sets:
    def __init__(self, size):
        self.size, self.sets = size, []

    def bit(self, members):
        if len(members) == 1 and min(members) >= 64:
            return min(members)
        if members not in self.sets:
            self.sets.append(members)
        return self.sets.index(members)

    def rows(self, pattern, flags=0):
        out = []
        for first, way in alternatives(parser.parse(pattern, flags), self.size):
            assert 1 <= len(way) <= 7
            bits = [self.bit(s) for s in way]
            out.append("{%d,%d,{%s}}" % (first, len(way), ",".join(map(str, bits))))
        return out

    def mask(self, code):
        return sum(1 << i for i, s in enumerate(self.sets) if code in s)


def main():
    text = Sets(0x10000)
    word = text.bit(frozenset(c for c in range(0x10000) if re_match(r"\w", c)))
    space = text.bit(frozenset(c for c in range(0x10000) if re_match(r"\s", c)))
    strict = text.bit(set_of(parser.IN, parser.parse("[" + chardata.UTF8_CLUES["utf8_continuation_strict"] + "]")[0][1],
                             text.size))
    assert (word, space, strict) == (0, 1, 2)
    bad = text.rows(badness.BADNESS_RE.pattern, badness.BADNESS_RE.flags)
    # Of the detector what is repeated; what stands before it, and the repetition, are in mojibake.c.
    nodes = parser.parse(chardata.UTF8_DETECTOR_RE.pattern, chardata.UTF8_DETECTOR_RE.flags)
    assert nodes[0][0] is parser.ASSERT_NOT and nodes[1][0] is parser.MAX_REPEAT and len(nodes) == 2
    detector = ["{0,%d,{%s}}" % (len(way), ",".join(str(text.bit(s)) for s in way))
                for _, way in alternatives(nodes[1][1][2], text.size)]
    assert len(text.sets) <= 64, len(text.sets)
    # All other characters have the same bits, but for word and space, which unicode.h knows.
    other = text.mask(0x4E00) & ~3
    rows = [(c, m) for c in range(0x10000) for m in [text.mask(c) & ~3] if m != other]
    data = Sets(256)
    altered = data.rows(chardata.ALTERED_UTF8_RE.pattern)
    lossy = data.rows(chardata.LOSSY_UTF8_RE.pattern)
    assert len(data.sets) <= 32
    with open("data/texts/mojibake_table.h", "w") as f:
        begin(f, "mojibake_table.h", "what text read in a wrong encoding looks like. From ftfy 6.1.3 by Robyn Speer\n"
              " * (Apache-2.0): chardata.py, badness.py.", "data/texts/mojibake_table.py")
        f.write("/* A pattern: whether it stands at the beginning only, its length, and what stands at each place: a\n"
                " * bit of the sets below 64, a single character from there on. */\n"
                "struct pattern { uint8_t at_start, n; uint16_t place[7]; };\n\n")
        f.write("/* Bits: 0 letter, number or _; 1 white space; 2 a byte of UTF-8 that is not the first. Characters that\n"
                " * are not listed have the bits of other_sets. */\n")
        f.write(f"static const uint64_t other_sets = {other:#x};\n")
        table(f, "struct { uint16_t code; uint64_t sets; } set_table[]", ["{%s,%#x}" % (number(c), m) for c, m in rows])
        table(f, "struct pattern bad_patterns[]", bad)
        table(f, "struct pattern utf8_patterns[]", detector)
        f.write("/* The same for bytes. */\n")
        table(f, "uint32_t byte_sets[256]", [number(data.mask(c)) for c in range(256)])
        table(f, "struct pattern altered_patterns[]", altered)
        table(f, "struct pattern lossy_patterns[]", lossy)
        f.write("/* What the bytes 0x80 to 0xFF stand for; sloppy: what is not assigned is itself, and 0x1A is U+FFFD. */\n")
        items = []
        for name in chardata.CHARMAP_ENCODINGS:
            codes = bytes(range(0x80, 0x100)).decode(name)
            assert bytes(range(0x1A)).decode(name) == "".join(map(chr, range(0x1A)))
            items.append("{%d,{%s}}" % (name.startswith("sloppy"), ",".join(number(ord(c)) for c in codes)))
        f.write("static const struct { uint8_t sloppy; uint16_t code[128]; } encodings[] = {\n")
        for name, item in zip(chardata.CHARMAP_ENCODINGS, items):
            f.write(f"    /* {name} */\n")
            parts = item.split(",")
            line = "    "
            for i, part in enumerate(parts):
                part += "," if i + 1 < len(parts) else ","
                if len(line) + len(part) > 96:
                    f.write(line + "\n")
                    line = "    "
                line += part
            f.write(line + "\n")
        f.write("};\n\n// clang-format on\n\n#endif\n")


if __name__ == "__main__":
    main()
