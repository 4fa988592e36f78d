#!/usr/bin/env python3
"""A small SentencePiece model like SigLIP's, and the ids that transformers' SiglipTokenizer gives with it.

    build-peers/bin/python tests/golden/make_spiece.py

Needs build-peers (sh tests/setup.sh peers). Writes tests/fixtures/spiece.model, trained on the captions of the shards
in tests/fixtures, with SigLIP's special ids (<pad> 0, </s> 1, <unk> 2); it normalises nothing, which
keeps it small: the full nmt_nfkc rules are compared in tests/peers. Writes spiece_ids.json beside this file: a
list of texts with their ids at a context of 16.
"""
import glob
import json
import os
import tarfile

import sentencepiece
from transformers import SiglipTokenizer

HERE = os.path.dirname(os.path.abspath(__file__))
FIXTURES = os.path.join(HERE, "..", "fixtures")
CONTEXT = 16
TEXTS = [
    "a", "A photo of a cat.", "two  dogs\tand\na cat", " leading and trailing ", "Shirt: T-shirt, (grey)!",
    "it's 100% ~real~ #tag @you {braces} [brackets] <angle> \\ | ^ ` _ = + ; \" ? /",
    "ankle boot", "a very long caption that does not fit into the context because it goes on and on and on",
    "caf\u00e9 na\u00efve \u00c9T\u00c9", "\u65e5\u672c\u8a9e \U0001f431", "\u039f\u0394\u039f\u03a3 \u03a3\u0391\u03a3.",
    "\u0130stanbul \u01c5", "low\u2581line \u2581 sign", "x\u00a0y\u3000z\u2028w\u001cv", "\u201cquoted\u201d \u2019s",
    "&amp; &eacute;", "a\u0301 \ufb01ne \uff21", "MiXeD CaSe", "unk s unk", "0123456789",
]


def captions():
    for path in sorted(glob.glob(os.path.join(FIXTURES, "*.tar"))):
        with tarfile.open(path) as tar:
            for member in tar:
                if member.name.endswith(".txt"):
                    yield tar.extractfile(member).read().decode().strip().lower()


def main():
    prefix = os.path.join(FIXTURES, "spiece")
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(sorted(set(captions()))), model_prefix=prefix, vocab_size=256,
        normalization_rule_name="identity", pad_id=0, eos_id=1, unk_id=2, bos_id=-1, num_threads=1,
        hard_vocab_limit=False, minloglevel=2,
    )
    os.remove(prefix + ".vocab")
    tokenizer = SiglipTokenizer(prefix + ".model")
    ids = tokenizer(TEXTS, padding="max_length", truncation=True, max_length=CONTEXT)["input_ids"]
    with open(os.path.join(HERE, "spiece_ids.json"), "w") as file:
        lines = [json.dumps({"text": t, "ids": i}) for t, i in zip(TEXTS, ids)]
        file.write("[\n  " + ",\n  ".join(lines) + "\n]\n")
    print(tokenizer.vocab_size, os.path.getsize(prefix + ".model"))


if __name__ == "__main__":
    main()
