#!/usr/bin/env python3
"""Prints the merges that tests/unit/test_tokenizer_train.c expects, by the plainest form of byte-pair encoding.

Usage: make_merges.py N [FILE]   (FILE: one text per line, else the texts below)
Words are what is between blanks; the texts are lower-case ASCII letters, so that no cleaning is needed.
"""
import collections
import sys

TEXTS = ["low low low low low lower lower", "newest newest newest newest newest newest",
         "widest widest widest", "banana bandana aaaa aaaaa"]

texts = open(sys.argv[2]).read().split("\n") if len(sys.argv) > 2 else TEXTS
order = [chr(b) for b in range(ord("!"), ord("~") + 1)]
number = {c: i for i, c in enumerate(order)}
number.update({c + "</w>": i + 256 for i, c in enumerate(order)})
words = collections.Counter(w for t in texts for w in t.split())
words = {tuple(w[:-1]) + (w[-1] + "</w>",): n for w, n in words.items()}
refused = set()
merges = []
while len(merges) < int(sys.argv[1]):
    pairs = collections.Counter()
    for w, n in words.items():
        for pair in zip(w, w[1:]):
            pairs[pair] += n
    pairs = {p: n for p, n in pairs.items() if n >= 2 and p not in refused}
    if not pairs:
        break
    best = min(pairs, key=lambda p: (-pairs[p], number[p[0]], number[p[1]]))
    whole = "".join(best)
    if whole in number:
        refused.add(best)
        continue
    number[whole] = 512 + len(merges)
    merges.append(best)
    changed = {}
    for w, n in words.items():
        out, i = [], 0
        while i < len(w):
            if w[i:i + 2] == best:
                out.append(whole)
                i += 2
            else:
                out.append(w[i])
                i += 1
        changed[tuple(out)] = n
    words = changed
for left, right in merges:
    print(left, right)
