"""Jobs with figures of another kind: what trust costs, starts, threads, and how live a pipe is."""

import contextlib
import csv
import itertools
import json
import os
import selectors
import shlex
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

from . import data, hostile, peers
from .measure import measured, turns, typical
from .place import BIN, CACHE, filled, say

# Ways to run a pipe of ours, by job: a Bash line and its environment. The first is what the others are held against.
PIPE = ("extract -j {threads} {input} | filter -j {threads} 'price > 100' | map -j {threads} 'total = qty * price' "
        "| aggregate -j {threads} 'n = count(), total = sum(total)' --by country >/dev/null")
CAT = "cat {input} | cat >/dev/null"
ENDS = {
    "ends off": (PIPE, {"PIPEWRIGHT_ENDS": "off"}),
    "ends on": (PIPE, {}),
    "figures": (PIPE, {"PIPEWRIGHT_RUN": "{output}"}),
}
RELAY = {
    "cat": (CAT, {}),
    "balance cat": ("cat {input} | balance -n 1 -- cat >/dev/null", {}),
    "meter": ("cat {input} | meter --quiet >/dev/null", {}),
}
THREADS = {
    "filter": "filter -j {count} 'price > 900' {input} >/dev/null",
    "map": "map -j {count} 'total = qty * price' {input} >/dev/null",
    "aggregate": "aggregate -j {count} 'n = count(), total = sum(price)' --by country {input} >/dev/null",
}
# How often a pipe of ten records is run for its time, and a process for its.
STARTS = 50
# How many records are sent one by one, how many seconds apart, and how long each is waited for.
RECORDS, PAUSE, PATIENCE = 50, 0.02, 1.0


def run(line, environment, path, options):
    """One run of a Bash line: its figures, all its programs together."""
    with tempfile.TemporaryDirectory(prefix="bench.", dir=CACHE) as place:
        places = {**peers.PLACES, "threads": str(options.threads), "input": path, "output": place}
        own = {name: filled(value, places) for name, value in environment.items()}
        command = ["bash", "-e", "-o", "pipefail", "-c", filled(line, places)]
        figures = measured(command, {**peers.environment(options.threads), **own}, subprocess.DEVNULL, None)
    if figures.code:
        sys.exit(f"bench: {line} ends with {figures.code}")
    return figures


def compared(ways, path, options):
    """The median figures of each way, which take turns."""
    runs = turns(list(ways), options.rounds, lambda way: run(*ways[way], path, options))
    return {way: typical(all_) for way, all_ in runs.items()}


def ratios(ways, options):
    """A table of ways to do the same on orders, the first of them being 1."""
    path = data.whole("orders", options.bytes)
    data.warm(path)
    size, figures = os.path.getsize(path), compared(ways, path, options)
    base = next(iter(figures.values()))
    yield f"  {'':12}{'wall s':>9}{'CPU s':>9}{'MB/s':>9}{'wall ratio':>12}{'CPU ratio':>11}"
    for way, of in figures.items():
        yield (f"  {way:12}{of.wall:9.2f}{of.cpu:9.2f}{size / 1e6 / of.wall:9.0f}"
               f"{of.wall / base.wall:12.3f}{of.cpu / max(base.cpu, 0.001):11.3f}")


def ten_records(file):
    """Fills a file with a header and ten orders."""
    with open(data.sample("orders")) as sample:
        csv.writer(file, lineterminator="\n").writerows(itertools.islice(csv.reader(sample), 11))
    file.flush()


def ends(options, _):
    """Clean ends: a pipe with the notes that stages leave, without them, with figures; and of ten records."""
    yield from ratios(ENDS, options)
    with tempfile.NamedTemporaryFile("w", dir=CACHE, suffix=".csv") as ten:
        ten_records(ten)
        loops = {
            way: (f"for ((i = 0; i < {STARTS}; i++)); do {line}; done", environment)
            for way, (line, environment) in ENDS.items()
        }
        for way, figures in compared(loops, ten.name, options).items():
            stages = STARTS * (PIPE.count("|") + 1)
            yield (f"  ten records, {way:9} {1000 * figures.wall / stages:6.2f} ms of wall time and "
                   f"{1000 * figures.cpu / stages:.2f} ms of CPU time for a stage")


def relay(options, _):
    """What passes on bytes, beside cat."""
    yield from ratios(RELAY, options)


def threads(options, _):
    """Two threads against one, in wall time."""
    path = data.whole("orders", options.bytes)
    data.warm(path)
    ways = {
        (name, count): (line.replace("{count}", str(count)), {})
        for name, line in THREADS.items()
        for count in (1, 2)
    }
    figures = compared(ways, path, options)
    yield f"  {'':12}{'-j 1, s':>9}{'-j 2, s':>9}{'CPU s':>9}{'times as fast':>15}"
    for name in THREADS:
        one, two = figures[name, 1], figures[name, 2]
        yield f"  {name:12}{one.wall:9.2f}{two.wall:9.2f}{two.cpu:9.2f}{one.wall / two.wall:15.2f}"


def start(options, versions):
    """A process that has ten records to read: ours, the others, and `true`."""
    if "hyperfine" not in versions:
        yield "  hyperfine is not here"
        return
    with installed() as place, tempfile.NamedTemporaryFile("w", dir=CACHE, suffix=".csv") as ten:
        ten_records(ten)
        commands = {
            "true": "/bin/true",
            "filter": f"{place}/filter 'price > 100' {ten.name}",
            "aggregate": f"{place}/aggregate 'n = count()' {ten.name}",
            "extract": f"{place}/extract {ten.name}",
            "mawk": f"mawk -F, '$7 > 100' {ten.name}",
            "xan": f"{peers.PLACES['xan']} filter 'price > 100' {ten.name}",
            "xsv": f"{peers.PLACES['xsv']} select id {ten.name}",
            "mlr": f"mlr --csv filter '$price > 100' {ten.name}",
            "duckdb": shlex.join([sys.executable, "-c", f"import duckdb; duckdb.read_csv('{ten.name}').fetchall()"]),
        }
        commands = {name: line for name, line in commands.items() if name not in peers.TOOLS or name in versions}
        runs = turns(list(commands), options.rounds, lambda name: timed(commands[name]))
    yield f"  {'':12}{'wall ms':>9}{'CPU ms':>9}{'to true':>9}   (medians of {options.rounds} times {STARTS} runs)"
    floor = statistics.median(wall for wall, _ in runs["true"])
    for name, all_ in runs.items():
        wall, cpu = (statistics.median(run[kind] for run in all_) for kind in (0, 1))
        yield f"  {name:12}{1000 * wall:9.2f}{1000 * cpu:9.2f}{wall / floor:9.2f}"


@contextlib.contextmanager
def installed():
    """Our programs as an installer leaves them: copies, which start 0.06 ms sooner than what a linker has just written."""
    with tempfile.TemporaryDirectory(prefix="installed.", dir=CACHE) as place:
        for program in ("filter", "aggregate", "extract"):
            shutil.copy(os.path.join(BIN, program), place)
        yield place


def timed(command):
    """The median wall seconds of a command, and its CPU seconds, by hyperfine."""
    with tempfile.NamedTemporaryFile(suffix=".json") as export:
        asked = ["hyperfine", "--shell=none", "--warmup=3", f"--runs={STARTS}", f"--export-json={export.name}", command]
        subprocess.run(asked, env=peers.environment(1), check=True, capture_output=True)
        result = json.load(export)["results"][0]
    return result["median"], result["user"] + result["system"]


def latency(_, versions):
    """How long after a record is written to a file that `tail -f` follows it leaves a filter."""
    ways = {
        "cat": ["cat"],
        "filter": [f"{BIN}/filter", "price > 0"],
        "mlr": ["mlr", "--csv", "--records-per-batch", "1", "--fflush", "filter", "$price > 0"],
        "mawk": ["mawk", "-W", "interactive", "-F,", "NR == 1 || $7 > 0"],
        "xan": [peers.PLACES["xan"], "filter", "price > 0"],
    }
    yield f"  {'':12}{'median ms':>10}{'max ms':>9}   ({RECORDS} records, {1000 * PAUSE:.0f} ms apart)"
    for name, command in ways.items():
        if name in peers.TOOLS and name not in versions:
            continue
        say(f"  {name}")
        delays = live(command)
        if delays:
            yield f"  {name:12}{1000 * statistics.median(delays):10.2f}{1000 * max(delays):9.2f}"
        else:
            yield f"  {name:12} lets no record go while more may come ({PATIENCE:.0f} s)"


def live(command):
    """The seconds each record takes through `tail -f` and a command; none where one is held back."""
    with open(data.sample("orders"), "rb") as sample, \
            tempfile.NamedTemporaryFile("wb", buffering=0, dir=CACHE) as source:
        # Lines without quotes are whole records, and each one is kept.
        lines = (line for line in sample if b'"' not in line and line.count(b",") == 8)
        source.write(next(lines))
        tail = subprocess.Popen(["tail", "-n", "+1", "-f", source.name], stdout=subprocess.PIPE)
        stage = subprocess.Popen(command, env=peers.environment(1), stdin=tail.stdout, stdout=subprocess.PIPE)
        tail.stdout.close()
        try:
            reader = Reader(stage.stdout)
            # The first record brings the header, and the programs are up.
            source.write(next(lines))
            reader.wait_for(b"\n", 5 * PATIENCE, 2)
            delays = []
            for line in itertools.islice(lines, RECORDS):
                time.sleep(PAUSE)
                begun = time.perf_counter()
                source.write(line)
                if not reader.wait_for(b"\n", PATIENCE, 1):
                    return []
                delays.append(time.perf_counter() - begun)
            return delays
        finally:
            tail.kill()
            stage.kill()
            tail.wait()
            stage.wait()
            stage.stdout.close()


class Reader:
    """A pipe that is read with patience."""

    def __init__(self, pipe):
        self.pipe = pipe
        self.selector = selectors.DefaultSelector()
        self.selector.register(pipe, selectors.EVENT_READ)

    def wait_for(self, mark, patience, count):
        """Whether so many marks come in time."""
        end = time.perf_counter() + patience
        while count > 0 and self.selector.select(max(0, end - time.perf_counter())):
            block = os.read(self.pipe.fileno(), 65536)
            if not block:
                return False
            count -= block.count(mark)
        return count <= 0


JOBS = {"start": start, "threads": threads, "latency": latency, "ends": ends, "relay": relay, **hostile.JOBS}
