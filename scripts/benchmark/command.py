"""The command line, and the run: one job after the other."""

import argparse
import os
import platform
import subprocess
import sys
from datetime import date

from . import data, house, jobs, peers, races, report
from .place import CACHE, ROOT, say, sh


def parsed(text):
    """The options that the command line asks for; `text` is the help's."""
    parser = argparse.ArgumentParser(description=text, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("job", nargs="*", help="jobs to run [default: all]")
    parser.add_argument("--list", action="store_true", help="list the jobs, and what does them")
    parser.add_argument("--size", default="1GB", help="bytes of orders; all sets go with it [default: 1GB]")
    parser.add_argument("--rounds", type=int, default=3, help="turns of each tool [default: 3]")
    parser.add_argument("--threads", type=int, default=1, help="threads, where a tool lets one say [default: 1]")
    parser.add_argument("--without", action="append", default=[], metavar="TOOL", help="leave out a tool, such as mlr")
    parser.add_argument("--against", metavar="DIR",
                        help="time the programs in DIR, another build of ours, instead of the other tools")
    parser.add_argument("--markdown", action="store_true",
                        help="print README's table; the tables of each job go to standard error")
    options = parser.parse_args()
    names = [*jobs.gathered(), *house.JOBS]
    for job in options.job:
        if job not in names:
            parser.error(f"no job is called {job}; there are {', '.join(names)}")
    try:
        options.bytes = data.amount(options.size)
    except ValueError:
        parser.error(f"{options.size} is no size such as 100MB")
    return options


def listed(all_jobs):
    """The jobs and what does them, or what they are about."""
    for name, job in all_jobs.items():
        print(f"{name:10} {job.title.format(f'{job.many:,}')} ({', '.join(job.ways)})")
    for name, job in house.JOBS.items():
        print(f"{name:10} {job.__doc__.splitlines()[0]}")


def wanted_peers(names, all_jobs):
    """The tools that those jobs need."""
    wanted = {races.needed(tool) for name in names if name in all_jobs for tool in all_jobs[name].ways}
    if {"start", "latency"} & set(names):
        wanted |= {"hyperfine", "mawk", "xan", "xsv", "mlr", "duckdb"}
    return [name for name in peers.TOOLS if name in wanted]


def machine():
    """The kind of this machine."""
    try:
        with open("/proc/cpuinfo") as file:
            model = next(line.split(":")[1].strip() for line in file if line.startswith("model name"))
    except (OSError, StopIteration):
        model = platform.machine()
    return f"{os.cpu_count()} cores, {model}"


def preface(options, versions):
    """What was measured where."""
    yield (f"{date.today():%d %B %Y}, {machine()}; {options.size} of orders, medians of {options.rounds} turn(s), "
           f"{options.threads} thread(s) where a job does not say otherwise")
    if versions:
        yield ", ".join(f"{name} {version}" for name, version in versions.items())


def done(name, all_jobs, options, versions):
    """Runs one job: the lines of its table, and its row of README's where it has one."""
    if name in house.JOBS:
        job = house.JOBS[name]
        return [f"\n{name}: {job.__doc__.splitlines()[0]}", *job(options, versions)], ""
    race = races.Race(all_jobs[name], options, versions)
    lanes = race.lanes()
    return list(report.table(name, race, lanes)), report.readme_row(race, lanes)


def run(text):
    """Runs what the command line asks for."""
    options, all_jobs = parsed(text), jobs.gathered()
    if options.list:
        listed(all_jobs)
        return
    sh("cargo", "build", "--quiet", "--release", "--bins", "--examples", cwd=ROOT)
    os.makedirs(CACHE, exist_ok=True)
    names = options.job or [*all_jobs, *([] if options.against else house.JOBS)]
    wanted = [] if options.against else wanted_peers(names, all_jobs)
    versions = peers.versions([name for name in wanted if name not in options.without])
    details = sys.stderr if options.markdown else sys.stdout
    for line in preface(options, versions):
        print(line, file=details)
    if options.markdown:
        print(report.README_HEADER, flush=True)
    for place, name in enumerate(names, 1):
        say(f"{name} ({place} of {len(names)})")
        try:
            lines, row = done(name, all_jobs, options, versions)
        except (OSError, subprocess.CalledProcessError) as error:
            say(f"{name} is left out: {error}")
            continue
        print("\n".join(lines), file=details, flush=True)
        if options.markdown and row:
            print(row, flush=True)
