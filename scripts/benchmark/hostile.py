"""Inputs that once cost far more than their size: each is run at two sizes, and the ratio of CPU time is what counts."""

import os
import subprocess
import tempfile
from dataclasses import dataclass
from typing import Callable

from . import peers
from .measure import measured, turns, typical
from .place import CACHE, filled, say

# How many times as large the second input is.
TIMES = 4
# A ratio above this is flagged: four times the input may take somewhat more than four times as long (caches).
MOST = 6.0
# CPU seconds below which a ratio is noise.
LEAST = 0.05
# Seconds after which a run is ended.
PATIENCE = 20


@dataclass(frozen=True)
class Hostile:
    """A Bash line over {input}, and what makes its files at a size: their contents by their names."""

    line: str
    size: int
    unit: str
    files: Callable[[int], dict]


def bad_records(count):
    """Records that the expression cannot read."""
    return {"input": b"a\n" + b"x\n" * count}


def bad_json(count):
    """JSON Lines that end too early, each after a good one."""
    return {"input": b'{"a":1}\n{"a":\n' * count}


def large_then_bad(count):
    """One record of 64 MB, and bad ones after it, in the same block."""
    return {"input": b'a\n"' + b"\n" * 64_000_000 + b'"\n' + b"x\n" * count}


def ragged(count):
    """Good records that alternate with ragged ones."""
    return {"input": b"a,b\n" + b"1,2\n1\n" * count}


def names(count):
    """The names of so many columns."""
    return ",".join(f"c{number}" for number in range(count)).encode()


def wide(count):
    """A header of many columns, and one record."""
    return {"input": names(count) + b"\n" + b",".join([b"1"] * count) + b"\n"}


def listed(count):
    """The same, and a list of all its columns but the last."""
    return {**wide(count), "list": names(count - 1)}


def repeated_names(count):
    """A header of one name."""
    return {"input": b",".join([b"a"] * count) + b"\n"}


def one_key(count):
    """A table and a stream whose records all have one key."""
    return {"table": b"k,v\n" + b"1,2\n" * count, "input": b"k,w\n" + b"1,2\n" * count}


def assignments(count):
    """A program of many assignments."""
    return {"program": ",".join(f"z{number}=a" for number in range(count)).encode(), "input": b"a\n1\n"}


def sums(count):
    """A program of many aggregates."""
    return {"program": ",".join(f"z{number}=sum(a+{number})" for number in range(count)).encode(), "input": b"a\n1\n"}


def open_quotes(count):
    """A quote that is opened in each record and never closed."""
    return {"input": b"a,b\n" + b'"x,y\n' * count}


def nested(count):
    """JSON that is nested too deeply: an error, in time."""
    return {"input": b'{"a":' * count + b"1" + b"}" * count + b"\n"}


INPUTS = {
    "bad records": Hostile("filter --on-error skip 'a > 0' {input}", 500_000, "records", bad_records),
    "bad JSON lines": Hostile("extract --from jsonl --on-error skip {input}", 75_000, "pairs", bad_json),
    "bad after 64 MB": Hostile("filter --on-error skip 'a > 0' {input}", 25_000, "records", large_then_bad),
    "ragged and good": Hostile("filter --on-error skip 'a > 0' {input}", 150_000, "pairs", ragged),
    "rejects to a file": Hostile("filter --rejects {output}/rejects 'a > 0' {input}", 500_000, "records", bad_records),
    "open quotes": Hostile("extract --ragged pad {input}", 500_000, "records", open_quotes),
    "deep JSON": Hostile("extract --from jsonl {input} || [ $? = 1 ]", 1_000_000, "levels", nested),
    "one name": Hostile("extract {input}", 50_000, "columns", repeated_names),
    "wide join": Hostile("lookup {input} --on c1 --prefix x_ {input}", 25_000, "columns", wide),
    "long list": Hostile("extract -c \"$(<{list})\" {input}", 4_000, "columns", listed),
    "semi join on disk": Hostile("lookup {table} --on k --how semi --memory 1M {input}", 80_000, "records", one_key),
    "many assignments": Hostile("map -f {program} {input}", 10_000, "columns", assignments),
    "many aggregates": Hostile("aggregate -f {program} {input}", 5_000, "columns", sums),
}


def run(hostile, size, options):
    """The typical figures of a line at a size; code 124 if it took too long."""
    with tempfile.TemporaryDirectory(prefix="bench.", dir=CACHE) as place:
        paths = {"output": place}
        for name, content in hostile.files(size).items():
            paths[name] = os.path.join(place, f"{name}.csv")
            with open(paths[name], "wb") as file:
                file.write(content)
        command = ["timeout", str(PATIENCE), "bash", "-e", "-c", filled(hostile.line, paths)]

        def once(_):
            environment = peers.environment(options.threads)
            return measured(command, environment, subprocess.DEVNULL, subprocess.DEVNULL)

        return typical(turns([size], options.rounds, once, slow=PATIENCE / 4)[size])


def said(figures):
    """CPU seconds in words."""
    if figures.code == 124:
        return f"> {PATIENCE}"
    return f"{figures.cpu:.3f}" if not figures.code else f"fails ({figures.code})"


def hostile(options, _):
    """Inputs made to be slow: CPU time at two sizes, and whether it grows faster than the input."""
    yield f"  {'':20}{'size':>18}{'CPU s':>12}{f'{TIMES} times':>12}{'ratio':>8}"
    for name, each in INPUTS.items():
        say(f"  {name}")
        small, large = (run(each, each.size * times, options) for times in (1, TIMES))
        row = f"  {name:20}{f'{each.size:,} {each.unit}':>18}{said(small):>12}{said(large):>12}"
        if small.code or large.code:
            yield row + (f"{'':8}   grows too fast" if large.code == 124 else "")
            continue
        ratio = large.cpu / max(small.cpu, 0.001)
        flag = "   grows too fast" if ratio > MOST and large.cpu > LEAST else ""
        yield f"{row}{ratio:8.1f}{flag}"


JOBS = {"hostile": hostile}
