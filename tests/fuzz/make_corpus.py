#!/usr/bin/python3
"""Writes the seeds of the fuzz targets: python3 tests/fuzz/make_corpus.py SAPWOOD

SAPWOOD is the program, which indexes the seed shard. Files in corpus/ that are not written here are
inputs that once showed a fault; they stay.
"""
import gzip
import io
import json
import os
import struct
import subprocess
import sys
import tarfile

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
CORPUS = os.path.join(ROOT, "tests", "fuzz", "corpus")


def write(target, name, data):
    folder = os.path.join(CORPUS, target)
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, name), "wb") as f:
        f.write(data)


def tar(members, form, records=None):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=form) as t:
        for name, data, kind in members:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            info.type = kind
            info.pax_headers = records or {}
            if kind == tarfile.SYMTYPE:
                info.linkname = "a.txt"
            t.addfile(info, io.BytesIO(data))
    return out.getvalue().rstrip(b"\0") + bytes(1024 + 512)


def whole_blocks(data):
    return data + bytes(-len(data) % 512)


F = tarfile.REGTYPE
pair = [("a.txt", b"a cat", F), ("a.cls", b"3", F), ("b.json", b'{"caption": "two"}', F)]
long_name = [("folder/" + "n" * 120 + ".txt", b"long", F)]
write("tar", "ustar", whole_blocks(tar(pair, tarfile.USTAR_FORMAT)))
write("tar", "pax", whole_blocks(tar([("\u00e4.txt", b"pax", F)], tarfile.PAX_FORMAT)))
write("tar", "gnu", whole_blocks(tar(long_name, tarfile.GNU_FORMAT)))
write("tar", "kinds", whole_blocks(tar([("d", b"", tarfile.DIRTYPE), ("l.txt", b"", tarfile.SYMTYPE)] + pair
                                       + [("a.txt", b"twice", F)], tarfile.USTAR_FORMAT)))
# The bytes of a sparse member begin with a map of its parts, here a single one: all of it.
for name, size in (("sparse", 5), ("sparse_large", 1 << 20)):
    records = {"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.name": "s.txt",
               "GNU.sparse.realsize": str(size)}
    write("tar", name, whole_blocks(tar([("s.txt", b"1\n0\n5\n".ljust(512, b"\0") + b"bytes", F)],
                                        tarfile.PAX_FORMAT, records)))
write("tar", "many", whole_blocks(tar([(f"m.{i}", b"", F) for i in range(17)], tarfile.USTAR_FORMAT)))
large = bytearray(whole_blocks(tar(pair, tarfile.USTAR_FORMAT)))
large[124:136] = b"\x80" + (5).to_bytes(11, "big")  # the size in base 256
write("tar", "base256", bytes(large))
for name, magic in (("gz", b"\x1f\x8b"), ("zst", b"\x28\xb5\x2f\xfd"), ("xz", b"\xfd7zXZ"), ("bz2", b"BZh")):
    write("tar", name, magic + b"9" * 8)
write("index", "names", b"BZh1.jpg\na.txt\na.jpg\nb.TXT\nb.txt\na.txt\nf/c.d/e.seg.png\n__meta__\nx\n.y\n__n__.txt\n"
      + b"".join(b"m.%d\n" % i for i in range(18)))

shard = os.path.join(CORPUS, "index", "seed.tar")
write("index", "seed.tar", whole_blocks(tar(pair, tarfile.USTAR_FORMAT)))
os.utime(shard, (1_000_000_000, 1_000_000_000))
subprocess.run([sys.argv[1], "shards", "index", shard], check=True, stdout=subprocess.DEVNULL)
os.replace(shard + ".index", os.path.join(CORPUS, "index", "pair"))
os.remove(shard)


def tensors(header, data):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


write("safetensors", "two", tensors({"__metadata__": {"format": "pt"},
                                     "a": {"dtype": "F32", "shape": [2, 2], "data_offsets": [0, 16]},
                                     "b": {"dtype": "BF16", "shape": [3], "data_offsets": [16, 22]}},
                                    bytes(range(22))))
write("safetensors", "kinds", tensors({"h": {"dtype": "F16", "shape": [1], "data_offsets": [0, 2]},
                                       "i": {"dtype": "I64", "shape": [], "data_offsets": [2, 10]},
                                       "u": {"dtype": "BOOL", "shape": [0, 5], "data_offsets": [10, 10]}},
                                      bytes(10)))
write("safetensors", "floats", tensors({"__metadata__": {"format": "pt", "other": "x"},
                                        "d": {"dtype": "F64", "shape": [1], "data_offsets": [0, 8]},
                                        "e": {"dtype": "F16", "shape": [2, 1], "data_offsets": [8, 12]},
                                        "f": {"dtype": "BF16", "shape": [2], "data_offsets": [12, 16]},
                                        "i": {"dtype": "I32", "shape": [1], "data_offsets": [16, 20]},
                                        "j": {"dtype": "I16", "shape": [1], "data_offsets": [20, 22]},
                                        "k": {"dtype": "I8", "shape": [1], "data_offsets": [22, 23]},
                                        "u": {"dtype": "U64", "shape": [1], "data_offsets": [23, 31]},
                                        "v": {"dtype": "U32", "shape": [1], "data_offsets": [31, 35]}},
                                       struct.pack("<deeHHihbQI", 1.5, 0.5, 65504.0, 0x3F80, 0x7F7F, -1, -2, 3, 4, 5)))
write("safetensors", "large", tensors({"a": {"dtype": "F32", "shape": [2**32, 2**32], "data_offsets": [0, 0]}}, b""))

with open(os.path.join(ROOT, "recipes", "tiny.json"), "rb") as f:
    tiny = f.read()
write("recipe", "tiny", tiny)
write("recipe", "small", json.dumps({
    "name": "a", "model": {"architecture": "ViT-B-32", "vocabulary": "v.txt"},
    "data": {"update": {"batch_size": 8, "sources": [{"name": "s", "shards": "s/{0..3}.tar"}]}},
    "stages": [{"name": "s", "steps": 10}], "losses": [{"type": "clip"}], "optimizer": {"lr": 1e-4}}).encode())
write("recipe", "overrides", tiny + b"\0" + b"\n".join([
    b"optimizer.lr=2e-4", b"name=7", b"stages[0].steps=3", b"data.update.batch_size=4", b"a=1", b"=", b"losses=[]",
    b'name="\\u00e9\\ud83d\\udc31"']))
write("recipe", "override", tiny + b"\0optimizer.lr=2e-4\nstages[0].steps=3\nname=b")
write("recipe", "escapes", b'{"a": "\\u00e9\\ud83d\\udc31\\n\\/", "b": "\\udc31", "c": "\\ud83d"}')
write("recipe", "numbers", b'{"a": [1e999, 01, -0, 9007199254740993, 1.5e-3], "a": "\\u0000\\ud83d\\udc31"} x')
write("recipe", "deep", b"[" * 40 + b"]" * 40)

merges = b"#version: 0.2\ni n\nt h\na n\nth e</w>\nc a\nca t</w>\n"
write("tokenizer", "merges", merges)
write("tokenizer", "zipped", gzip.compress(merges, mtime=0))
with open(os.path.join(ROOT, "tests", "fixtures", "spiece.model"), "rb") as f:
    write("tokenizer", "model", f.read())
write("tokenizer", "json", json.dumps({"model": {"type": "BPE", "merges": ["i n", ["a", "n</w>"], "in an</w>"],
                                                 "vocab": {"<|startoftext|>": 515, "<|endoftext|>": 516}}}).encode())
write("tokenizer", "not_utf8", b"#version\na \xff\n\xc3 \xa9\n")

write("caption", "plain", b"a photo of two cats, sitting on a sofa; it's 12 o'clock...\n")
write("caption", "tags", "shoe: red, leather, size 42, d\u00e9j\u00e0 vu\n\nsecond line\r\n".encode())
write("caption", "html", b"&amp;amp; &lt;b&gt; &#x1F431; &#99999999999; &notit; &#; &")
write("caption", "unicode", "\u201cquoted\u201d \ufb03 e\u0301 \u1100\u1161 \u3000\u01c5 \u0130 \U0001f431 \u03a3".encode())
# UTF-8 that was read in another encoding: plainly, twice, with lost bytes, surrogates, a zero.
write("caption", "mojibake", "cafÃ© donâ€™t mÃƒÂ©tal Ã  la â€\ufffd í\xa0½í¸\x8d À\x80 РїСЂРё 日Ã© ¤¦¬ &EACUTE;".encode())
write("caption", "not_utf8", b"\xc3 \xf0\x9f \xed\xa0\x80 \xf4\x90\x80\x80 \xc0\xaf \xff \x1b[31m\x07")
write("caption", "special", b"<|startoftext|> <end_of_text> don't 1234 &amp;amp;")
write("caption", "zero", b"a\0b")

manifest = b"""{
  "version": 1,
  "step": 1200,
  "digest": "0123456789abcdef",
  "facts": {
    "architecture": "tiny"
  },
  "logs": {
    "metrics.jsonl": 100
  },
  "files": [
    {
      "name": "model.safetensors",
      "size": 8,
      "crc32c": "6087809a"
    }
  ],
  "crc32c": "00000000"
}
"""
write("manifest", "one_file", manifest)
write("manifest", "outside", manifest.replace(b"model.safetensors", b"../model"))
write("manifest", "no_files", manifest.replace(b'{\n      "name"', b'3, {"name"'))
write("image", "empty", b"")
