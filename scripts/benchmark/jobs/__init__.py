"""What each tool is told, by job."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Job:
    """A question that several tools answer."""

    # As README's table calls it; {} is `many`.
    title: str
    # The set of data it is asked of.
    data: str
    # How each tool does it.
    ways: dict
    # Whether the answer's records may come in any order.
    unordered: bool = False
    # What a ratio is of: CPU seconds, or wall seconds where several processes share the work.
    counts: str = "cpu"
    # The threads of tools that can have more than one, where the job says it.
    threads: int = 0
    # How many of what the title speaks of there are in 1 GB of orders and what belongs to it.
    many: int = 0
    # Where a load goes: sqlite or postgres.
    target: str = ""


def gathered():
    """All jobs, by name, in the order in which they are run."""
    from . import formats, loads, numbers, orders

    return {**orders.JOBS, **numbers.JOBS, **formats.JOBS, **loads.JOBS}
