"""What a tool answers, as values, and whether two tools say the same."""

import csv
import io


def records(file, way):
    """The records of a tool's CSV, without its header, numbers as numbers."""
    text = io.TextIOWrapper(file, encoding="utf-8", errors="surrogateescape", newline="")
    found = [[cell(value) for value in record] for record in csv.reader(text, delimiter=way.delimiter) if record]
    found = found[1:] if way.header else found
    return way.normal(found) if way.normal and found else found


def cell(value):
    """A value to compare: a number as a float, nothing as an empty text, everything else as its text."""
    try:
        return float(value)
    except (TypeError, ValueError):
        return "" if value is None else str(value)


def agree(left, right, unordered, tolerance):
    """Whether two answers are the same: whole numbers exactly, others within a share of them."""
    if len(left) != len(right):
        return False
    if unordered:
        left, right = sorted(left, key=key), sorted(right, key=key)

    def same(one, other):
        if isinstance(one, float) and isinstance(other, float) and not (one.is_integer() and other.is_integer()):
            return abs(one - other) <= tolerance * max(abs(one), abs(other))
        return one == other

    return all(len(one) == len(other) and all(map(same, one, other)) for one, other in zip(left, right))


def key(record):
    """What orders records: the texts and whole numbers first, since a sum's last digits differ by tool."""
    def exact(value):
        return isinstance(value, str) or value.is_integer()

    return [repr(value) for value in record if exact(value)], [value for value in record if not exact(value)]
