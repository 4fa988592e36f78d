#!/usr/bin/env python3
"""Our reading of tars against GNU tar: names, sizes and bytes of the regular members.

Usage: compare_members.py PRINT_DATA FOLDER ROOT...
ROOTs are where Debian packages and sources lie. FOLDER is empty and gets a copy of every archive; those of libarchive are
uuencoded. The archives are tars of Go's, Python's and libarchive's own tests, malformed and awkward, and
archives of other formats. Nothing may crash, hang or take more than its memory. What GNU tar reads must be read, what
it does not read must be refused; the tables below name what differs, and why. A tar without its two zero blocks is
refused, since its end may be lost, and compared with the blocks added. A compressed one is refused with a command; it is
run, and what it gives is compared.
"""
import binascii
import filecmp
import glob
import hashlib
import os
import re
import resource
import subprocess
import sys

MEMORY_BYTES, SECONDS = 512 << 20, 20
BYTES_MAX = 1 << 28  # of members whose bytes are compared
REFUSED_CODE = 3
TAR_SUFFIXES = (".tgz", ".txz", ".tbz")  # unpacking makes them .tar
MUST_REFUSE = "issue10968 issue11169 issue12435 neg-size pax-bad-hdr-file writer-big writer-big-long recursion".split()
# What GNU tar reads and we refuse: a part of our words, and why. Besides, what has no member at all is refused.
REFUSED = {
    "test_read_format_tar_concatenated": ("byte 1536 is not zero", "a second tar follows; GNU tar ends before it"),
    "test_compat_plexus_archiver_tar": ("byte 2047 is not zero", "a line feed in the last of the zero blocks"),
}
# What GNU tar refuses and we read, and why.
READ = {
    "hdr-only": "folders, links and devices with a size, which has no meaning",
    "pax-nul-xattrs": "a pax record is not understood: the member is unusable, and no other is",
    "test_read_format_gtar_sparse_1_17_posix10_modified": "sparse members are unusable whatever their maps say",
    "test_read_format_gtar_sparse_skip_entry.tar.Z unpacked": "the same, with 10 GB of holes",
}
# What both read, but not alike, and why.
DIFFERS = {
    "nil-uid": "a number left over where another form of header has the size; the member is unusable",
    "pax-global-records": "a global record that gives all members one name is not followed",
}
DAMAGED = ("test_read_format_mtree_crash747.mtree.bz2",)  # in its compression


def uudecode(path):
    out, inside = b"", False
    with open(path, "rb") as f:
        for line in f:
            if line.startswith(b"begin "):
                inside = True
            elif line.strip() == b"end":
                break
            elif inside:
                n = ((line[0] - 32 & 63) * 4 + 5) // 3
                out += binascii.a2b_uu(line[:n])  # some encoders add bytes behind
    return out


def originals(roots):
    """Pairs of name and bytes."""
    for root in roots:
        for pattern in ("usr/share/go-1.19/src/archive/tar/testdata/*.tar", "usr/lib/python3.11/test/*.tar"):
            for path in sorted(glob.glob(os.path.join(root, pattern))):
                with open(path, "rb") as f:
                    yield os.path.basename(path), f.read()
        for path in sorted(glob.glob(os.path.join(root, "source/libarchive/**/*.uu"), recursive=True)):
            yield os.path.basename(path)[:-3], uudecode(path)


def limit():
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))


def ours(program, path):
    """Exit code, list of (is damaged, size, name, digest of the bytes), what was said."""
    try:
        run = subprocess.run([program, "members", path], capture_output=True, timeout=SECONDS,
                             preexec_fn=limit)
    except subprocess.TimeoutExpired:
        return None, [], "took too long"
    members = []
    with open(path, "rb") as f:
        for line in re.findall(rb"(damaged )?(\d+) (\d+) (.*)\n", run.stdout):
            f.seek(int(line[1]))
            digest = None if line[0] else hashlib.sha256(f.read(int(line[2]))).hexdigest()
            members.append((bool(line[0]), int(line[2]), line[3], digest))
    return run.returncode, members, run.stderr.decode(errors="replace").strip()


def gnu(path):
    """(size, name, digest) of the regular members, contiguous ones too, or None. The digest is None where GNU tar can
    tell the size but not read the bytes."""
    def tar(*arguments):
        return subprocess.run(("tar", "-Pf", path) + arguments, capture_output=True, env=dict(os.environ, LC_ALL="C"))

    listing = tar("-tv", "--numeric-owner", "--quoting-style=literal", "--full-time")
    if listing.returncode:
        return None
    # "?" are records of other programs, whose bytes come too.
    found = re.findall(rb"(?m)^([-C?])\S* +\S+ +(\d+) [0-9-]+ [0-9:.]+ (.*)$", listing.stdout)
    n_bytes = sum(int(size) for _, size, _ in found)
    data = tar("-xO").stdout if n_bytes <= BYTES_MAX else b""
    theirs, at = [], 0
    for kind, size, name in found:
        member, at = data[at:at + int(size)], at + int(size)
        digest = hashlib.sha256(member).hexdigest() if n_bytes == len(data) else None
        if kind != b"?":
            theirs.append((int(size), name, digest))
    return theirs


class Comparison:
    def __init__(self, program):
        self.program = program
        self.n_read = self.n_bytes = self.n_members = self.n_damaged = self.n_refused = self.n_commands = self.passed = self.failed = 0

    def note(self, good, *words):
        self.passed += bool(good)
        self.failed += not good
        if not good:
            print(*words)

    def compare_unpacked(self, path, said):
        """Runs the command that the refusal of a compressed archive gives, and compares what comes out."""
        run = subprocess.run(["sh", "-c", said.split("run: ")[1]], capture_output=True,
                             stdin=subprocess.DEVNULL)
        stem, suffix = os.path.splitext(path)
        plain = "plain-" + path if "> plain-" in said else stem + ".tar" * (suffix in TAR_SUFFIXES)
        self.n_commands += 1
        self.note(os.path.exists(plain) != (path in DAMAGED), path, said, run.stderr.decode())
        if os.path.exists(plain) and not filecmp.cmp(path, plain, shallow=False):  # one unpacks to itself
            os.rename(plain, "unpacked")
            self.compare(path + " unpacked", "unpacked")

    def same(self, name, members, theirs):
        alike = [m[1:3] for m in members] == [t[:2] for t in theirs]
        bytes_alike = all(m[0] or t[2] is None or m[3] == t[2] for m, t in zip(members, theirs))
        self.note(alike and bytes_alike, f"{name}: found {members}; GNU tar has {theirs}")
        self.n_bytes += sum(m[1] for m, t in zip(members, theirs) if m[3] and t[2])
        self.n_members += len(members)
        self.n_damaged += sum(m[0] for m in members)

    def compare(self, name, path):
        code, members, said = ours(self.program, path)
        self.note(code in (0, REFUSED_CODE), f"{name}: ended with {code}: {said}")
        if "compressed shard" in said:
            self.compare_unpacked(path, said)
            return
        if name in MUST_REFUSE:
            self.note(code == REFUSED_CODE, f"{name}: must be refused, found {members}")
            return
        if "zero bytes at the end" in said:
            with open(path, "ab") as f:
                f.write(bytes(-f.tell() % 512 + 1024))
            code, members, said = ours(self.program, path)
        theirs = gnu(path)
        if name in READ or name in DIFFERS:
            self.n_read += 1
            self.note(code == 0 and (theirs is None) == (name in READ), f"{name}: found {members}, GNU tar {theirs}")
        elif name in REFUSED:
            self.note(code == REFUSED_CODE and REFUSED[name][0] in said and theirs, f"{name}: code {code}: {said}")
        elif not theirs:
            self.n_refused += 1
            self.note(code == REFUSED_CODE or theirs == members, f"{name}: GNU tar has {theirs}, found {members}")
        else:
            self.n_read += 1
            self.note(code == 0, f"{name}: code {code}: {said}")
            self.same(name, members, theirs)


def main():
    program, folder, roots = os.path.abspath(sys.argv[1]), sys.argv[2], sys.argv[3:]
    roots = [os.path.abspath(root) for root in roots]
    os.chdir(folder)
    c, n = Comparison(program), 0
    for name, data in originals(roots):
        n += 1
        with open(name, "wb") as f:
            f.write(data)
        c.compare(name.removesuffix(".tar"), name)
    print(f"{n} archives, {c.n_commands} times compressed; {c.n_read} tars read, with {c.n_members} members, "
          f"{c.n_damaged} of them unusable; {c.n_bytes} bytes compared; {c.n_refused} refused, by GNU tar too")
    c.note(n >= 420 and c.n_read >= 90 and c.n_commands >= 75, "expected more archives")
    print(f"{c.passed} passed, {c.failed} failed")
    return c.failed > 0


if __name__ == "__main__":
    sys.exit(main())
