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


@dataclass
class Lane:
    """What a tool took for a job, and how its answer compares with ours: agrees, differs or failed."""

    figures: Figures
    verdict: str
    turns: int


class Race:
    """One job on one size of data. `starts` are the figures of empty starts, which are taken off."""

    def __init__(self, job, options, versions, starts):
        self.job, self.options, self.starts = job, options, starts
        self.threads = job.threads or options.threads
        self.environment = peers.environment(self.threads)
        self.ways = {name: way for name, way in job.ways.items() if name == OURS or needed(name) in versions}
        self.path = data.whole(job.data, options.bytes)
        self.size = os.path.getsize(self.path)

    def run(self, name, path, target, stdout=subprocess.DEVNULL):
        """One run of a tool: its figures, and its last words on standard error."""
        if name == FLOOR:
            return measured(["wc", "-l", path], self.environment, stdout, subprocess.DEVNULL), ""
        places = {**peers.PLACES, "threads": str(self.threads), "input": path, **target.fresh()}
        command = [filled(part, places) for part in self.ways[name].command]
        with tempfile.TemporaryFile() as stderr:
            figures = measured(command, self.environment, stdout, stderr)
            stderr.seek(0)
            words = stderr.read().decode(errors="replace").strip().splitlines()
        if name in self.starts and not figures.code:
            figures = figures.without(self.starts[name])
        return figures, words[-1] if words else ""

    def answer(self, name, path, target):
        """A tool's answer on a small file; None where it fails."""
        with tempfile.TemporaryFile() as stdout:
            figures, words = self.run(name, path, target, stdout)
            if figures.code:
                say(f"{name} fails: {words or figures.code}")
                return None
            if self.job.target:
                return target.records()
            stdout.seek(0)
            return answers.records(stdout, self.ways[name])

    def verdicts(self, target):
        """How each tool's answer compares with ours."""
        path = data.sample(self.job.data)
        given = {name: self.answer(name, path, target) for name in self.ways}

        def verdict(name):
            if given[name] is None:
                return "failed"
            if name == OURS:
                return f"{len(given[OURS])} records of the sample"
            good = given[OURS] is not None and answers.agree(given[OURS], given[name], self.job.unordered)
            return "agrees" if good else "differs"

        return {name: verdict(name) for name in self.ways}

    def lanes(self):
        """What every tool took, by name."""
        with KINDS[self.job.target]() as target:
            verdicts = self.verdicts(target)
            data.warm(self.path)

            def turn(name):
                figures, words = self.run(name, self.path, target)
                say(f"  {name}: {figures.wall:.2f} s, {figures.cpu:.2f} s of CPU time")
                if figures.code:
                    say(f"{name} ends with {figures.code}: {words}")
                return figures

            names = [name for name in self.ways if verdicts[name] != "failed"] + [FLOOR]
            runs = turns(names, self.options.rounds, turn, SLOW)
        lanes = {}
        for name, all_ in runs.items():
            figures = typical(all_)
            lanes[name] = Lane(figures, "failed" if figures.code else verdicts.get(name, ""), len(all_))
        for name, verdict in verdicts.items():
            if name not in lanes:
                lanes[name] = Lane(Figures(0, 0, 0, 1), verdict, 0)
        return lanes


def needed(name):
    """The tool whose presence a way needs."""
    return name.split(" ")[0]


def empty_starts(names, rounds, threads):
    """What each of those tools takes that must start Python, for nothing."""
    environment, starts = peers.environment(threads), {}
    for name in names:
        if name in peers.EMPTY:
            places = {**peers.PLACES, "threads": str(threads)}
            command = [filled(part, places) for part in peers.EMPTY[name]]
            runs = [measured(command, environment, subprocess.DEVNULL, None) for _ in range(max(rounds, 3) + 1)]
            starts[name] = typical(runs[1:])
    return starts
