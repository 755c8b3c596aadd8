#!/usr/bin/env python3
"""Writes zones.csv: when clocks were set from 1949 to 2037, by Python's zoneinfo.

    tests/data/zones.py >tests/data/zones.csv

`second` counts from 1970-01-01T00:00:00Z, `offset` is in seconds east of UTC from then on. The first line of
a zone is its offset on 1949-01-01. The tests of src/value/time compare with it.
"""

from datetime import datetime, timezone
from zoneinfo import ZoneInfo

ZONES = """
Africa/Casablanca Africa/Monrovia America/Caracas America/New_York America/Santiago America/Sao_Paulo
America/St_Johns Antarctica/Troll Asia/Gaza Asia/Kathmandu Asia/Kolkata Asia/Pyongyang Asia/Tehran
Australia/Lord_Howe Europe/Berlin Europe/Dublin Europe/Moscow Pacific/Apia Pacific/Chatham Pacific/Kwajalein
""".split()

FROM, TO = (int(datetime(year, 1, 1, tzinfo=timezone.utc).timestamp()) for year in (1949, 2038))
# No zone has set its clocks twice within these seconds.
STEP = 3 * 3600


def offset(zone, second):
    return int(datetime.fromtimestamp(second, zone).utcoffset().total_seconds())


def changes(zone):
    now = offset(zone, FROM)
    yield FROM, now
    for second in range(FROM, TO, STEP):
        low, high = second, second + STEP
        if offset(zone, high) == now:
            continue
        while high - low > 1:
            middle = (low + high) // 2
            if offset(zone, middle) == now:
                low = middle
            else:
                high = middle
        now = offset(zone, high)
        yield high, now


print("zone,second,offset")
for name in ZONES:
    for second, seconds_east in changes(ZoneInfo(name)):
        print(f"{name},{second},{seconds_east}")
