#!/usr/bin/env python3
"""Our token ids against OpenAI's, open_clip's and transformers' tokenizers over real captions and awkward texts.

Usage: build-peers/bin/python tests/peers/compare_tokens.py PRINT_DATA FOLDER ROOT...
FOLDER is empty; ROOTs are where Debian packages lie. Captions: the annotations of CLDR, titles and descriptions of
clip art, captions of stamps in 77 languages. Awkward texts are put together from pieces by a fixed seed.
OpenAI's and open_clip's rules are ours, so every text must agree. The tokenizers of transformers do less: without
HTML, and the fast one without ftfy. Where they differ from OpenAI's that is counted by cause; elsewhere ours must
agree with them too.
"""
import collections
import glob
import gzip
import html
import json
import os
import random
import re
import struct
import subprocess
import sys

import ftfy
import open_clip.tokenizer
from clip.simple_tokenizer import SimpleTokenizer as OpenAI
from transformers import CLIPTokenizer, CLIPTokenizerFast

SEED = 11
CONTEXT = 77
N_AWKWARD = 3000
CLDR_PER_LANGUAGE = 120
N_STAMPS, N_CLIPART = 4000, 4000
LEAST = {"cldr": 10000, "tuxpaint": N_STAMPS, "openclipart": N_CLIPART, "languages": 100}  # Debian 12 has 15240 and 127
VOCABULARY = open_clip.tokenizer.default_bpe()

rng = random.Random(SEED)


class Ours:
    def __init__(self, program, vocabulary):
        self.process = subprocess.Popen([program, "tokens", vocabulary, str(CONTEXT)], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE)

    def ask(self, text):
        """The row of ids, or the text of a refusal."""
        data = text if isinstance(text, bytes) else text.encode()
        self.process.stdin.write(struct.pack("<I", len(data)) + data)
        self.process.stdin.flush()
        length, = struct.unpack("<i", self.process.stdout.read(4))
        if length:
            return list(struct.unpack(f"<{CONTEXT}i", self.process.stdout.read(4 * CONTEXT)))
        n, = struct.unpack("<i", self.process.stdout.read(4))
        return self.process.stdout.read(n).decode()


def write_hugging_face(folder):
    """vocab.json, merges.txt and tokenizer.json, as beside the weights of a CLIPModel."""
    with gzip.open(VOCABULARY) as f:
        merges = f.read().decode().split("\n")[1:49152 - 256 - 2 + 1]
    symbols = list(open_clip.tokenizer.bytes_to_unicode().values())
    names = symbols + [s + "</w>" for s in symbols] + ["".join(m.split()) for m in merges]
    ids = {name: i for i, name in enumerate(names + ["<|startoftext|>", "<|endoftext|>"])}
    with open(f"{folder}/vocab.json", "w") as f:
        json.dump(ids, f)
    with open(f"{folder}/merges.txt", "w") as f:
        f.write("#version: 0.2\n" + "\n".join(merges) + "\n")
    fast = CLIPTokenizerFast(f"{folder}/vocab.json", f"{folder}/merges.txt")
    fast.save_pretrained(f"{folder}/fast")
    return CLIPTokenizer(f"{folder}/vocab.json", f"{folder}/merges.txt"), fast


class References:
    def __init__(self, folder):
        self.openai = OpenAI()
        self.open_clip = open_clip.tokenizer.SimpleTokenizer()
        self.slow, self.fast = write_hugging_face(folder)

    def row(self, ids):
        ids = [49406] + ids + [49407]
        if len(ids) > CONTEXT:
            ids = ids[:CONTEXT]
            ids[-1] = 49407
        return ids + [0] * (CONTEXT - len(ids))

    def rows(self, text):
        return {"openai": self.row(self.openai.encode(text)), "open_clip": self.open_clip(text)[0].tolist(),
                "slow": self.row(self.slow.encode(text, add_special_tokens=False, verbose=False)),
                "fast": self.row(self.fast.encode(text, add_special_tokens=False, verbose=False))}


def files(roots, pattern):
    return sorted(f for root in roots for f in glob.glob(os.path.join(root, pattern), recursive=True))


def captions(roots):
    """[(source, text)]: annotations of every language of CLDR, stamps, clip art."""
    out, languages = [], 0
    for path in files(roots, "usr/share/unicode/cldr/common/annotations/*.xml"):
        with open(path, encoding="utf-8") as f:
            found = re.findall(r'<annotation cp="([^"]*)"( type="tts")?>([^<]*)</annotation>', f.read())
        words = [(html.unescape(sign), html.unescape(text)) for sign, tts, text in found if not tts]
        names = {html.unescape(sign): html.unescape(text) for sign, tts, text in found if tts}
        if len(words) < 100:
            continue
        languages += 1
        for sign, text in rng.sample(words, min(CLDR_PER_LANGUAGE, len(words))):
            tags = ", ".join(t.strip() for t in text.split("|"))
            out.append(("cldr", f"{names[sign]}: {tags} {sign}" if sign in names else tags))
    stamps = []
    for path in files(roots, "usr/share/tuxpaint/stamps/**/*.txt"):
        with open(path, encoding="utf-8", errors="strict") as f:
            for line in f:
                text = re.sub(r"^[A-Za-z_@]+\.utf8=", "", line.strip())
                if text:
                    stamps.append(("tuxpaint", text))
    clipart = []
    for path in files(roots, "usr/share/openclipart/svg/**/*.svg"):
        with open(path, "rb") as f:
            svg = f.read().decode("utf-8", "replace")
        for tag in ("title", "description"):
            for text in re.findall(rf"<dc:{tag}[^>]*>(.*?)</dc:{tag}>", svg, re.S):
                if text.strip():
                    clipart.append(("openclipart", text))  # as it stands, with its &amp;
    out += rng.sample(stamps, min(N_STAMPS, len(stamps)))
    return out + rng.sample(clipart, min(N_CLIPART, len(clipart))), languages


NUMBERS = "0123456789٠١٢٣٤٥٦٧٨٩०१२३४५६७८९০১২৩೦೧೨๐๑๒๓²³¹½¾⅓Ⅷⅻ①⑳⓪㊿一二三〇𝟎𝟗𐒠༠༡៣߁꘠"
PIECES = {
    "entities": ["&amp;", "&amp;amp;lt;", "&lt;b&gt;", "&quot;", "&#39;", "&#x27;", "&#8217;", "&eacute;", "&eacute",
                 "&copy2020", "&notit;", "&NotEqualTilde;", "&#128;", "&#0;", "&#xD800;", "&#99999999;", "&nbsp;",
                 "&NBSP;", "&EACUTE;", "&AMP;", "&Amp;", "&ngE;", "&bogus;", "&", "&;", "&#;", "&#x;", "&#x1F431;",
                 "AT&T", "&ampere;", "&hellip", "&lt", "&gt;", "&szlig;", "&SZLIG;", "&ALPHA;", "&THETASYM;"],
    "emoji": ["👍🏽", "👨‍👩‍👧‍👦", "🏳️‍🌈", "🇩🇪", "1️⃣", "❤️", "☺", "👩🏿‍🚀", "🐈‍⬛", "🫠", "©️", "™", "🧑🏻‍❤️‍💋‍🧑🏾", "🏴󠁧󠁢󠁥󠁮󠁧󠁿"],
    "numbers": list(NUMBERS) + ["2024", "1,234.5", "3rd", "50%", "x²", "H₂O", "5′10″", "１２３"],
    "contractions": ["don't", "DON'T", "it's", "IT'S", "we're", "they've", "I'm", "she'll", "he'd", "'S", "'LL", "'ſ",
                     "don’t", "it’S", "‘tis", "rock'n'roll", "'''s", "'re're", "o'clock", "y'all'd've", "'", "''",
                     "“quoted”", "„tief“", "«là»", "ʼn", "d'être", "'Tt"],
    "scripts": ["Straße", "ΟΔΟΣ", "Σ", "ΣΑΣ.", "İstanbul", "ıI", "Ǆ", "ǅ", "ﬁne", "ﬀ", "ﬆ", "ＡＢＣ", "ｶﾞ", "日本語", "中文",
                "한국어", "각", "ไทย", "हिन्दी", "العربية", "עברית", "ქართული", "Հայերեն", "Ελληνικά", "Русский",
                "ᏣᎳᎩ", "Ꭰ", "ꭰ", "𐐀𐐨", "ʰ", "ᾳ", "ᾼ", "ẞ", "ſ", "K", "Å", "Ⅷ", "ⓐ"],
    "marks": ["e\u0301", "a\u0323\u0307", "q\u0307\u0323", "n\u0303", "\u0344", "\u212b", "o\u0308\u0304", "\u0f73",
              "\u1100\u1161\u11a8", "z\u0335\u0321\u0322\u0327\u0328", "\u0915\u093c", "\u05d0\u05bc\u05b7", "\u0958"],
    "controls": ["\x07", "\x1b[31m", "\x1b[0m", "\x1b", "\u200b", "\u200c", "\u200d", "\u2060", "\ufeff", "\u00ad", "\u202e", "\u2066",
                 "\u2028", "\x85", "\x9f", "\x7f", "\t", "\r\n", "\r", "\n", "\x0b", "\x0c", "\x1c", "\x1f", "\u00a0",
                 "\u3000", "\u2003", "\u180e", "\u1680", "\ufffc", "\ufffd", "\U000e0001", "\ufff9", "\ue000", "\uf8ff"],
    "names": ["<|endoftext|>", "<|startoftext|>", "<start_of_text>", "<end_of_text>", "<|ENDOFTEXT|>", "<START_OF_TEXT>",
              "<|endoftext|", "|endoftext|>", "<|endof text|>", "a<|endoftext|>b", "<start_of_text>x"],
    "html": ["<", ">", "<b>", "</p>", "<br/>", "< b", "a<b", "<3", "<!--", "<a href='x'>", "&lt;<"],
    "long": ["x" * 90, "ab" * 120, "é" * 80, "word " * 90, "🐱" * 50, "1" * 100, "!" * 100, "\u0301" * 40, "ß" * 70,
             "donaudampfschifffahrtsgesellschaftskapitän", "日" * 100],
    "mojibake": ["cafÃ©", "donâ€™t", "â€œquotedâ€\x9d", "Ã¼ber", "naÃ¯ve", "schÃ¶n", "âœ” No problems", "Ð¿Ñ€Ð¸Ð²ÐµÑ‚", "æ—¥æœ¬",
                 "Ã  la carte", "voilÃ  le travail", "l’humanitÃ©", "â€�", "vedere Ã¨", "ðŸ˜Š", "Â©", "Â£5", "5Â°", "mÃƒÂ©tal",
                 "РїСЂРёРІРµС‚", "‚Äì", "fÃ¼r â‚¬5", "Å½", "×©×œ×•×", "Îºá½¹ÏƒÎ¼Îµ", "TrÃ¨s bien Ø§Ù„", "Ã\xa0", "Ã©", "¤ bad ¬",
                 "SÃO PAULO", "ÃO", "Ô£", "Ø­", "ІРЅ", "\xed\xa0\xbd\xed\xb8\x8d"],
    "plain": ["a photo of a cat", "two dogs", "the", "red", "in the park,", "-", "...", "!!!", "#tag", "@user", "C++",
              "e-mail", "semi;colon", "(brackets)", "[x]", "{y}", "a_b", "~", "^", "`", "\\", "/", "http://a.b/c?d=e"],
}


def awkward():
    kinds = list(PIECES)
    out = [(kind, piece) for kind in kinds for piece in PIECES[kind]]
    while len(out) < N_AWKWARD:
        kind = rng.choice(kinds)
        pieces = [rng.choice(PIECES[kind if rng.random() < 0.6 else rng.choice(kinds)]) for _ in range(rng.randint(1, 7))]
        out.append((kind, "".join(p + rng.choice(("", " ", " ", "  ")) for p in pieces)))
    for _ in range(1000):  # code points of all planes, dense where encodings mix
        n = rng.randint(1, 12)
        high = rng.choice((0x180, 0x250, 0x600, 0x2700, 0xFFFF, 0x1FFFF))
        codes = [rng.randrange(1, high) for _ in range(n)]
        out.append(("any", "".join(chr(c) for c in codes if not 0xD800 <= c < 0xE000)))
    for _ in range(1000):  # bytes of UTF-8 read as another encoding
        text = " ".join(rng.choice(PIECES[rng.choice(("scripts", "emoji", "contractions", "plain", "marks"))])
                        for _ in range(rng.randint(1, 5)))
        encoding = rng.choice(("latin-1", "sloppy-windows-1252", "sloppy-windows-1251", "sloppy-windows-1250",
                               "sloppy-windows-1253", "sloppy-windows-1254", "iso-8859-2", "macroman", "cp437"))
        for _ in range(rng.choice((1, 1, 1, 2))):
            text = text.encode().decode(encoding, "replace")
        if rng.random() < 0.3:
            text = text.replace("\xa0", " ")
        out.append(("wrong encoding", rng.choice(("", "a photo: ", "ein Bär, ", "“q” ")) + text))
    return [(kind, text) for kind, text in out if "\0" not in text]


def repairs(text):
    """The steps by which ftfy changes a text."""
    return [step[0] + " " + step[1] for step in ftfy.fix_and_explain(text).explanation or []]


def cause(text, rows):
    """Why transformers' ids are not OpenAI's."""
    cleaned = ftfy.fix_text(text)
    if html.unescape(html.unescape(cleaned)) != cleaned:
        return "HTML"
    if re.search(r"<(\||start_of|end_of)", text, re.I):
        return "names of special tokens"
    if rows["slow"] == rows["openai"]:
        return "ftfy and lower case, in the fast one only"
    return "white space and the rest"


class Counts:
    def __init__(self):
        self.kind, self.cause, self.repair = (collections.Counter() for _ in range(3))
        self.n = self.failed = self.repaired = self.guessed = self.empty = self.unchecked = 0
        self.same = collections.Counter()

    def bad(self, kind, text, what, found, expected):
        self.failed += 1
        if self.failed <= 40:
            print(f"{kind}: {text!r}: differs from {what}\n  found    {found}\n  expected {expected}")

    def compare(self, ours, references, kind, text, real):
        rows = references.rows(text)
        found = ours.ask(text)
        self.n += 1
        self.kind[kind] += 1
        if isinstance(found, str):
            self.empty += 1
            if rows["open_clip"][1] != 49407 and "empty" in found or "empty" not in found:
                self.bad(kind, text, f"open_clip: {found}", found, rows["open_clip"])
            return
        if real:
            steps = repairs(text)
            self.repaired += bool(steps)
            self.guessed += any(not s.startswith(("apply", "normalize")) or "inconsistent" in s for s in steps)
            self.repair.update(set(steps))
        # Each knows the special names of its own only; ours knows both.
        cleaned = open_clip.tokenizer.get_clean_fn("lower")(text)
        foreign = {"openai": re.search("<(start|end)_of_text>", cleaned),
                   "open_clip": re.search(r"<\|(start|end)oftext\|>", cleaned)}
        self.unchecked += bool(foreign["openai"] and foreign["open_clip"])
        for what in ("openai", "open_clip"):
            if not foreign[what] and found != rows[what]:
                self.bad(kind, text, what, [i for i in found if i], [i for i in rows[what] if i])
        for what in ("slow", "fast"):
            self.same[what] += rows[what] == rows["openai"]
            if rows[what] != rows["openai"]:
                self.cause[what, cause(text, rows)] += 1


def compare_files(program, folder, texts):
    """Differences between the forms of the vocabulary; ids that contradict the merges must be refused."""
    forms = [VOCABULARY, f"{folder}/merges.txt", f"{folder}/fast/tokenizer.json", f"{folder}/fast/merges.txt"]
    ours = [Ours(program, form) for form in forms]
    failed = sum(o.ask(text) != ours[0].ask(text) for _, text in texts for o in ours[1:])
    os.mkdir(f"{folder}/wrong")
    with open(f"{folder}/vocab.json") as f:
        ids = json.load(f)
    ids["cat</w>"], ids["dog</w>"] = ids["dog</w>"], ids["cat</w>"]
    with open(f"{folder}/wrong/vocab.json", "w") as f:
        json.dump(ids, f)
    os.symlink(f"{folder}/merges.txt", f"{folder}/wrong/merges.txt")
    wrong = subprocess.run([program, "tokens", f"{folder}/wrong/merges.txt", str(CONTEXT)], stdin=subprocess.DEVNULL,
                           stderr=subprocess.PIPE)
    failed += wrong.returncode == 0 or b"is another symbol by the order of the merges" not in wrong.stderr
    print(f"{len(forms)} forms of the vocabulary over {len(texts)} captions: {failed} differences")
    return failed


def main():
    program, folder, roots = sys.argv[1], sys.argv[2], sys.argv[3:]
    references = References(folder)
    ours = Ours(program, VOCABULARY)
    real, languages = captions(roots)
    found = collections.Counter(kind for kind, _ in real) + collections.Counter(languages=languages)
    few = {kind: found[kind] for kind, least in LEAST.items() if found[kind] < least}
    if few:
        print(f"too few texts: {few}; expected {LEAST} or more")
        return 1
    failed = compare_files(program, folder, rng.sample(real, 500))
    for title, texts in (("real captions", real), ("awkward texts", awkward())):
        counts = Counts()
        for kind, text in texts:
            counts.compare(ours, references, kind, text, texts is real)
        print(f"{title}: {counts.n} ({', '.join(f'{n} {k}' for k, n in counts.kind.items())}), {counts.empty} empty, "
              f"{counts.unchecked} with special names of both kinds; {counts.failed} differ from OpenAI's or open_clip's")
        for what in ("slow", "fast"):
            print(f"  transformers' {what} tokenizer agrees with OpenAI's on {counts.same[what]}")
        for (what, why), n in sorted(counts.cause.items()):
            print(f"    {what}: {n} differ by {why}")
        if texts is real:
            print(f"  {languages} languages; ftfy changes {counts.repaired} captions, in {counts.guessed} it repairs a "
                  "wrong encoding:")
            for step, n in counts.repair.most_common():
                print(f"    {n:6d} {step}")
        failed += counts.failed
    print(f"{'no' if not failed else failed} differences")
    return failed > 0


if __name__ == "__main__":
    sys.exit(main())
