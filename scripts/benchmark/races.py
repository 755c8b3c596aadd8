"""A job done by every tool: answers compared on a sample, then turns on the whole file."""

import os
import subprocess
import tempfile
from dataclasses import dataclass

from . import answers, data, peers
from .measure import Figures, measured, turns, typical
from .peers import OURS
from .place import filled, say
from .targets import KINDS

# Seconds after which a tool has had its one turn.
SLOW = 20
# What the machine can do with a file's bytes at least: counts its lines.
FLOOR = "wc -l"
# Another build of ours.
ANOTHER = "another"
# An answer of so many records is compared on the whole file, too.
SHORT = 1000
NOTHING = Figures(0, 0, 0)
FAILED = Figures(0, 0, 0, 1)


@dataclass
class Lane:
    """What a tool took for a job, and how its answer compares with ours: agrees, differs or failed."""

    # Without what an empty start of it takes, where that starts Python.
    figures: Figures
    verdict: str
    turns: int
    start: Figures


class Race:
    """One job on one size of data."""

    def __init__(self, job, options, versions):
        self.job, self.options = job, options
        # How many records of the sample's answer the others' were held against.
        self.compared = 0
        self.threads = job.threads or options.threads
        self.environment = peers.environment(self.threads)
        self.ways = {name: way for name, way in job.ways.items() if name == OURS or needed(name) in versions}
        if options.against:
            self.ways[ANOTHER] = peers.of_build(job.ways[OURS], os.path.abspath(options.against))
        self.starts = {name: f"empty {name}" for name in self.ways if name in peers.EMPTY}
        self.commands = {
            **{name: way.command for name, way in self.ways.items()},
            **{empty: peers.EMPTY[name] for name, empty in self.starts.items()},
            FLOOR: ["wc", "-l", "{input}"],
        }
        self.path = data.whole(job.data, options.bytes)
        self.size = os.path.getsize(self.path)
        self.title = job.title.format(f"{job.many * options.bytes // data.WHOLE['orders']:,}")

    def run(self, name, path, target, stdout=subprocess.DEVNULL):
        """One run of a tool: its figures, and its last words on standard error."""
        places = {**peers.PLACES, "threads": str(self.threads), "input": path, "table": data.table(),
                  **target.fresh()}
        command = [filled(part, places) for part in self.commands[name]]
        with tempfile.TemporaryFile() as stderr:
            figures = measured(command, self.environment, stdout, stderr)
            stderr.seek(0)
            words = stderr.read().decode(errors="replace").strip().splitlines()
        return figures, words[-1] if words else ""

    def answer(self, name, path, target):
        """A tool's answer, None where it fails, and its figures."""
        with tempfile.TemporaryFile() as stdout:
            figures, words = self.run(name, path, target, stdout)
            if figures.code:
                say(f"{name} fails: {words or figures.code}")
                return None, figures
            if self.job.target:
                return target.records(), figures
            stdout.seek(0)
            return answers.records(stdout, self.ways[name]), figures

    def verdicts(self, given):
        """How each tool's answer compares with ours."""
        ours = given.get(OURS)

        def verdict(name):
            if given[name] is None or ours is None:
                return "failed"
            way = self.ways[name]
            return "agrees" if answers.agree(ours, given[name], self.job.unordered, way.tolerance) else "differs"

        return {name: verdict(name) for name in given}

    def timed(self, names, target, short):
        """The runs of each tool, of empty starts and of the floor, in turns; and the answers of the first round
        where these are short, else none."""
        given = {}

        def turn(name):
            if short and name in self.ways and name not in given:
                given[name], figures = self.answer(name, self.path, target)
            else:
                figures, words = self.run(name, self.path, target)
                if figures.code:
                    say(f"{name} ends with {figures.code}: {words}")
            say(f"  {name}: {figures.wall:.2f} s, {figures.cpu:.2f} s of CPU time")
            return figures

        empty = [self.starts[name] for name in names if name in self.starts]
        return turns([*names, *empty, FLOOR], self.options.rounds, turn, SLOW), given

    def lanes(self):
        """What every tool took, by name."""
        with KINDS[self.job.target]() as target:
            sample = data.sample(self.job.data)
            given = {name: self.answer(name, sample, target)[0] for name in self.ways}
            verdicts = self.verdicts(given)
            self.compared = len(given[OURS] or [])
            data.warm(self.path)
            names = [name for name in self.ways if verdicts[name] != "failed"]
            runs, given = self.timed(names, target, self.compared <= SHORT and not self.job.target)
        for name, verdict in self.verdicts(given).items():
            if verdict != verdicts[name]:
                verdicts[name] = f"{verdict} on the whole file"
        lanes = {}
        for name in [*names, FLOOR]:
            start = typical(runs[self.starts[name]]) if name in self.starts else NOTHING
            lanes[name] = Lane(typical(runs[name]).without(start), verdicts.get(name, ""), len(runs[name]), start)
        for name in self.ways:
            if name not in lanes:
                lanes[name] = Lane(FAILED, "failed", 0, NOTHING)
        return lanes


def needed(name):
    """The tool whose presence a way needs."""
    return name.split(" ")[0]
