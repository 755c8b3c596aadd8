"""The data: files by set, size and seed, in the cache, made once.

`--size 1GB` is the whole bench; every set grows and shrinks with it. Answers are compared on samples of another
seed.
"""

import os
import shutil

from .place import CACHE, ROOT, say, sh

# How much of each set belongs to 1 GB of orders: bytes, or of stations the records.
WHOLE = {
    "orders": 1_000_000_000,
    "stations": 50_000_000,
    "numbers": 500_000_000,
    "events": 500_000_000,
    "access": 500_000_000,
    "lineitem": 765_864_000,
}
# How much of each a sample has.
SAMPLE = {
    "orders": 5_000_000,
    "stations": 200_000,
    "numbers": 3_000_000,
    "events": 3_000_000,
    "access": 3_000_000,
    "lineitem": 5_000_000,
}
# An ending that tells our extract the format.
ENDING = {"events": "jsonl", "access": "log"}


def amount(text):
    """The bytes of a size such as 1000, 64KB, 100MB or 1GB, in powers of ten; ValueError where it is none."""
    units = {"K": 1_000, "M": 1_000_000, "G": 1_000_000_000}
    text = text.removesuffix("B")
    return int(text[:-1]) * units[text[-1]] if text[-1:] in units else int(text)


def whole(name, size):
    """The path of a set, as large as belongs to so many bytes of orders."""
    return made(name, WHOLE[name] * size // WHOLE["orders"], 1)


def sample(name):
    """The path of a small set."""
    return made(name, SAMPLE[name], 2)


def made(name, count, seed):
    if name == "lineitem":
        return lineitem(count)
    amount_said = short(count, "" if name == "stations" else "B")
    path = os.path.join(CACHE, "bench", f"{name}-{amount_said}-{seed}.{ENDING.get(name, 'csv')}")
    if not os.path.exists(path):
        os.makedirs(os.path.dirname(path), exist_ok=True)
        say(f"generating {os.path.basename(path)}")
        sh(os.path.join(ROOT, "target/release/examples/generate"), name, str(count), path + ".new", str(seed))
        os.rename(path + ".new", path)
    return path


def lineitem(count):
    """TPC-H's lineitem, or as many whole records from its start; there is no more of it than scale factor 1."""
    everything = os.path.join(CACHE, "lineitem.csv")
    if not os.path.exists(everything):
        say("fetching TPC-H's lineitem")
        sh(os.path.join(ROOT, "scripts/fetch"), "tpch")
    if count >= os.path.getsize(everything) - 100_000:
        return everything
    path = os.path.join(CACHE, "bench", f"lineitem-{short(count, 'B')}.csv")
    if not os.path.exists(path):
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(everything, "rb") as source, open(path + ".new", "wb") as target:
            while target.tell() < count:
                shutil.copyfileobj(Limited(source, count - target.tell()), target)
                target.write(source.readline())
        os.rename(path + ".new", path)
    return path


def table():
    """A table of 100,000 customers, every tenth of those that orders have, in no order."""
    path = os.path.join(CACHE, "bench", "customers.csv")
    if not os.path.exists(path):
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path + ".new", "w") as target:
            target.write("customer_id,name,segment\n")
            # 30,011 and 100,000 have no common divisor: every number comes once.
            for number in (place * 30_011 % 100_000 * 10 for place in range(100_000)):
                target.write(f"{number},customer {number},{'abc'[number // 10 % 3]}\n")
        os.rename(path + ".new", path)
    return path


class Limited:
    """At most so many bytes of a file."""

    def __init__(self, file, left):
        self.file, self.left = file, left

    def read(self, size):
        block = self.file.read(min(size, self.left))
        self.left -= len(block)
        return block


def short(count, unit):
    """A count as it is said: 1GB, 50M."""
    for prefix, factor in (("G", 1_000_000_000), ("M", 1_000_000), ("K", 1_000)):
        if count >= factor and count % factor == 0:
            return f"{count // factor}{prefix}{unit}"
    return f"{count}{unit}"


def warm(path):
    """Reads a file once: what is measured is no disk."""
    with open(path, "rb", buffering=0) as file:
        while file.read(1 << 20):
            pass
