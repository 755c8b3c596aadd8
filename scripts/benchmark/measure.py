"""What a process and its children take: wall and CPU seconds, peak memory, exit code."""

import ast
import os
import subprocess
import sys
from dataclasses import dataclass
from statistics import median

# A process's peak memory counts what it was before it became the program, a copy of who started it. So a small
# Python starts it and not this one: under its own 10 MB no peak is seen.
MEASURE = """
import os, sys, time
start = time.perf_counter()
pid = os.posix_spawnp(sys.argv[2], sys.argv[2:], os.environ)
_, status, usage = os.wait4(pid, 0)
wall, cpu = time.perf_counter() - start, usage.ru_utime + usage.ru_stime
figures = wall, cpu, usage.ru_maxrss * 1024 / 1e6, os.waitstatus_to_exitcode(status)
os.write(int(sys.argv[1]), repr(figures).encode())
"""


@dataclass(frozen=True)
class Figures:
    """Seconds, MB (of a pipe: its largest process), and the exit code."""

    wall: float
    cpu: float
    peak: float
    code: int = 0

    def without(self, start):
        """These figures without what an empty start takes."""
        return Figures(max(self.wall - start.wall, 0), max(self.cpu - start.cpu, 0), self.peak, self.code)


def measured(command, environment, stdout, stderr, stdin=subprocess.DEVNULL):
    """Runs a command; its figures."""
    reader, writer = os.pipe()
    measure = [sys.executable, "-I", "-S", "-c", MEASURE, str(writer), *command]
    subprocess.run(measure, env=environment, stdin=stdin, stdout=stdout, stderr=stderr, pass_fds=[writer])
    os.close(writer)
    with open(reader) as pipe:
        return Figures(*ast.literal_eval(pipe.read() or "(0.0, 0.0, 0.0, 127)"))


def typical(runs):
    """The median of several runs, with the greatest peak; a failure of any is a failure of all."""
    return Figures(
        median(run.wall for run in runs),
        median(run.cpu for run in runs),
        max(run.peak for run in runs),
        next((run.code for run in runs if run.code), 0),
    )


def turns(names, rounds, run, slow=None):
    """The runs of each name, which take turns: the next round begins with the next name. A name whose first
    run takes longer than `slow` seconds has no other."""
    runs = {name: [] for name in names}
    for turn in range(rounds):
        start = turn % len(names)
        for name in names[start:] + names[:start]:
            if not (slow and runs[name] and runs[name][0].wall > slow):
                runs[name].append(run(name))
    return runs
