"""The other tools: how they are installed, which version is here, and how one is called.

xan and xsv are built from crates.io, DuckDB and polars come from PyPI, the rest from Debian. What can't be
installed is left out, and said.
"""

import os
import re
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass, replace
from typing import Callable, Optional

from .place import BIN, PEERS, say, sh

OURS = "ours"

DUCKDB = """
import duckdb, sys
link = duckdb.connect()
link.execute('set enable_progress_bar = false')
link.execute(f'set threads = {sys.argv[1]}')
link.execute(sys.argv[2])
"""

POLARS = """
import os, sys
os.environ['POLARS_MAX_THREADS'] = sys.argv[1]
import polars as pl
from polars import col
plan = eval(sys.argv[2])
if plan is not None:
    plan.sink_csv('/dev/stdout')
"""


@dataclass(frozen=True)
class Way:
    """How a tool does a job: its command, with {places} to fill in, and what its answer looks like."""

    command: list
    # Whether a line of names comes first.
    header: bool = True
    delimiter: str = ","
    # The records that are compared, of the records there are.
    normal: Optional[Callable] = None
    # How far, as a share, its numbers that are not whole may lie from ours.
    tolerance: float = 1e-9


def tool(name, *arguments):
    """One of our programs on the input."""
    return Way([f"{BIN}/{name}", *arguments, "-j", "{threads}", "{input}"])


def pipe(line, **shape):
    """A Bash pipe; ours are on its PATH, xan and xsv are {xan} and {xsv}."""
    return Way(["bash", "-o", "pipefail", "-c", line], **shape)


def of_build(way, directory):
    """The same way with our programs from another directory."""
    def found(part):
        return part.replace(f"{BIN}/", f"{directory}/")

    command = [found(part) for part in way.command]
    if command[0] == "bash":
        command[-1] = f"PATH={shlex.quote(directory)}:$PATH; {command[-1]}"
    return replace(way, command=command)


def xan(*arguments, **shape):
    return Way(["{xan}", *arguments, "{input}"], **shape)


def xsv(*arguments, **shape):
    return Way(["{xsv}", *arguments, "{input}"], **shape)


def miller(*arguments, formats=("--csv",)):
    return Way(["mlr", *formats, *arguments, "{input}"])


def mawk(program, delimiter=",", **shape):
    """mawk knows no quotes: it is what people use, and its answers differ where a quoted newline comes."""
    return Way(["mawk", f"-F{delimiter}", "-v", "OFS=,", "-v", "OFMT=%.12g", program, "{input}"], **shape)


def duckdb(query, source):
    """DuckDB's answer to a query over the table `source`, as CSV."""
    whole = f"with source as (from {source}) {query}"
    return Way(["{python}", "-c", DUCKDB, "{threads}", f"copy ({whole}) to '/dev/stdout' (format csv, header)"])


def polars(plan):
    """polars' answer to a lazy plan, as CSV; sink_csv runs it by the streaming engine."""
    return Way(["{python}", "-c", POLARS, "{threads}", plan])


# What starts DuckDB and polars and does nothing.
EMPTY = {
    "duckdb": ["{python}", "-c", DUCKDB, "{threads}", "select 1"],
    "polars": ["{python}", "-c", POLARS, "{threads}", "None"],
}
PLACES = {
    "xan": os.path.join(PEERS, "xan", "bin", "xan"),
    "xsv": os.path.join(PEERS, "xsv", "bin", "xsv"),
    "python": sys.executable,
}


def crate(name):
    """A program of crates.io, built once."""
    if not os.path.exists(PLACES[name]):
        say(f"building {name}: some minutes, once")
        sh("cargo", "install", "--quiet", "--locked", name, "--root", os.path.join(PEERS, name))


def package(name):
    """A package of PyPI's, in a directory of its own."""
    target = os.path.join(PEERS, f"{name}-package")
    if not os.path.exists(os.path.join(target, name)):
        say(f"installing {name}")
        debian("pip3", "python3-pip")
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--target", target, name]
        sh(*pip, env={**os.environ, "PIP_ROOT_USER_ACTION": "ignore"})


def debian(program, package):
    """A program of Debian's, installed where this may be done."""
    if not shutil.which(program) and os.geteuid() == 0 and shutil.which("apt-get"):
        say(f"installing {package}")
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        if not any(name.endswith("Packages") or "_Packages" in name for name in os.listdir("/var/lib/apt/lists")):
            sh("apt-get", "update", "-qq", env=environment)
        sh("apt-get", "install", "-y", "-qq", package, env=environment)


# How each is installed, and asked for its version.
TOOLS = {
    "xan": (lambda: crate("xan"), ["{xan}", "--version"]),
    "xsv": (lambda: crate("xsv"), ["{xsv}", "--version"]),
    "duckdb": (lambda: package("duckdb"), ["{python}", "-c", "import duckdb; print(duckdb.__version__)"]),
    "polars": (lambda: package("polars"), ["{python}", "-c", "import polars; print(polars.__version__)"]),
    "mlr": (lambda: debian("mlr", "miller"), ["mlr", "--version"]),
    "mawk": (lambda: debian("mawk", "mawk"), ["mawk", "-W", "version"]),
    "datamash": (lambda: debian("datamash", "datamash"), ["datamash", "--version"]),
    "jq": (lambda: debian("jq", "jq"), ["jq", "--version"]),
    "hyperfine": (lambda: debian("hyperfine", "hyperfine"), ["hyperfine", "--version"]),
    "sort": (lambda: debian("sort", "coreutils"), ["sort", "--version"]),
    "perl": (lambda: debian("perl", "perl-base"), ["perl", "-e", "print $^V"]),
    "sqlite3": (lambda: debian("sqlite3", "sqlite3"), ["sqlite3", "--version"]),
    "psql": (lambda: debian("psql", "postgresql-client"), ["psql", "--version"]),
}


def environment(threads):
    """What every tool's run finds in its environment: one thread where it can be said there."""
    packages = [os.path.join(PEERS, f"{name}-package") for name in ("duckdb", "polars")]
    return {
        **os.environ,
        "PATH": BIN + os.pathsep + os.environ["PATH"],
        "PYTHONPATH": os.pathsep.join(packages),
        "LC_ALL": "C",
        "GOMAXPROCS": str(threads),
        "RAYON_NUM_THREADS": str(threads),
    }


def versions(names):
    """The versions of those tools that are here, or could be installed."""
    found = {}
    for name in names:
        install, asked = TOOLS[name]
        try:
            install()
            command = [part.format(**PLACES) for part in asked]
            answer = subprocess.run(command, env=environment(1), check=True, capture_output=True, text=True)
            found[name] = re.search(r"\d[\w.]*(?: \d{8})?", answer.stdout).group()
        except (OSError, subprocess.CalledProcessError) as error:
            say(f"{name} is left out: {error}")
    return found
