"""Tables: for people at a terminal, and rows for README."""

from .peers import OURS
from .races import FLOOR

README_HEADER = (
    "| job | ours, wall s | CPU s | GB per CPU s | peak MB | best of the others | its CPU s | times as fast | "
    "times `wc -l` | answers |\n|---|--:|--:|--:|--:|---|--:|--:|--:|---|"
)


def seconds(figures, counts):
    return figures.wall if counts == "wall" else figures.cpu


def ranking(job, lanes):
    """The others that did not fail, the fastest first."""
    rivals = [name for name, lane in lanes.items() if name not in (OURS, FLOOR) and not lane.figures.code]
    return sorted(rivals, key=lambda name: seconds(lanes[name].figures, job.counts))


def best(job, lanes):
    """The fastest of those whose answers agree with ours; None where there is none."""
    return next((name for name in ranking(job, lanes) if lanes[name].verdict == "agrees"), None)


def table(name, race, lanes):
    """The lines of a job's table."""
    job, ours = race.job, lanes[OURS]
    of = "wall" if job.counts == "wall" else "CPU"
    yield f"\n{name}: {race.title} ({race.size / 1e6:.0f} MB, {race.threads} thread(s); ratios of {of} time)"
    yield (f"  {'':10}{'wall s':>9}{'CPU s':>9}{'GB/CPU s':>10}{'peak MB':>9}{'to ours':>9}{'to wc -l':>10}  "
           "answer")
    for tool, lane in lanes.items():
        figures = lane.figures
        if not lane.turns or figures.code:
            yield f"  {tool:10}{'':56}  failed"
            continue
        once = " (one turn)" if lane.turns == 1 < race.options.rounds else ""
        whole = tool == OURS and lane.verdict == "agrees"
        verdict = f"{race.compared} records of the sample" if whole else lane.verdict
        near = " (mostly its start)" if figures.cpu < lane.start.cpu else ""
        yield (f"  {tool:10}{figures.wall:9.2f}{figures.cpu:9.2f}{race.size / 1e9 / max(figures.cpu, 0.001):10.2f}"
               f"{figures.peak:9.1f}{ratio(lane, ours, job.counts):>9}{ratio(lane, lanes[FLOOR], job.counts):>10}  "
               f"{verdict}{once}{near}")
    yield from against(job, lanes)
    for tool, lane in lanes.items():
        if lane.start.cpu:
            yield (f"  taken off {tool}'s figures, an empty start of Python with it: {lane.start.wall:.2f} s, "
                   f"{lane.start.cpu:.2f} s of CPU time")


def ratio(lane, other, counts):
    if lane.figures.code or other.figures.code:
        return "-"
    return f"{seconds(lane.figures, counts) / max(seconds(other.figures, counts), 0.001):.2f}"


def against(job, lanes):
    """How we do beside the best."""
    winner = best(job, lanes)
    if not winner or lanes[OURS].figures.code:
        yield "  there is none to hold ours against"
        return
    ours, other = lanes[OURS].figures, lanes[winner].figures
    fastest_wall = min((name for name in ranking(job, lanes) if lanes[name].verdict == "agrees"),
                       key=lambda name: lanes[name].figures.wall)
    yield (f"  against the best: {other.cpu / max(ours.cpu, 0.001):.2f} times as fast in CPU time ({winner}), "
           f"{lanes[fastest_wall].figures.wall / max(ours.wall, 0.001):.2f} in wall time ({fastest_wall})")
    first = ranking(job, lanes)[0]
    if first != winner:
        yield f"  {first} is faster than {winner}, and its answer differs"


def readme_row(race, lanes):
    """A job's row of README's table."""
    job, ours, winner = race.job, lanes[OURS].figures, best(race.job, lanes)
    if ours.code:
        return f"| {race.title} | failed | | | | | | | | |"
    cells = [race.title, f"{ours.wall:.2f}", f"{ours.cpu:.2f}", f"{race.size / 1e9 / max(ours.cpu, 0.001):.2f}",
             f"{ours.peak:.0f}" if ours.peak >= 10.5 else "under 10"]
    if winner:
        other = lanes[winner].figures
        wall = f", {other.wall:.2f} s of wall time" if job.counts == "wall" else ""
        times = seconds(other, job.counts) / max(seconds(ours, job.counts), 0.001)
        cells += [winner + wall, f"{other.cpu:.2f}", f"{times:.2f}{' in wall time' if wall else ''}"]
    else:
        cells += ["", "", ""]
    cells += [ratio(lanes[OURS], lanes[FLOOR], job.counts), dissent(lanes)]
    return f"| {' | '.join(cells)} |"


def dissent(lanes):
    """Who does not say what ours says."""
    others = {name: lane.verdict for name, lane in lanes.items() if name not in (OURS, FLOOR)}
    return ", ".join(f"{name} {verdict}" for name, verdict in others.items() if verdict != "agrees") or "all agree"
