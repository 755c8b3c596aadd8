"""Where a job's output goes: nowhere, into a file of SQLite, into a throw-away PostgreSQL.

A target is entered once for a job. `fresh()` gives the places of one run's command, `records()` what that run
has left there.
"""

import contextlib
import csv
import io
import os
import sqlite3
import subprocess
import tempfile

from .answers import cell
from .place import CACHE, ROOT

TABLE = ("create table orders (id bigint, ts timestamptz, customer_id integer, country text, sku text, qty integer, "
         "price numeric(10, 2), status text, note text) with (autovacuum_enabled = false)")


class Nowhere:
    """A job that prints its answer."""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def fresh(self):
        return {}


class Sqlite:
    """A new file for every run."""

    def __enter__(self):
        self.directory = tempfile.TemporaryDirectory(prefix="bench.", dir=CACHE)
        self.path = os.path.join(self.directory.name, "out.db")
        return self

    def __exit__(self, *_):
        self.directory.cleanup()

    def fresh(self):
        if os.path.exists(self.path):
            os.remove(self.path)
        return {"output": self.path}

    def records(self):
        with contextlib.closing(sqlite3.connect(self.path)) as link:
            return [[cell(value) for value in row] for row in link.execute("select * from orders")]


class Postgres:
    """A server of its own, and in it an empty table for every run."""

    def __enter__(self):
        told = 'echo "$PIPEWRIGHT_TEST_POSTGRES"; exec cat'
        self.server = subprocess.Popen([os.path.join(ROOT, "scripts/postgres"), "bash", "-c", told],
                                       stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.address = self.server.stdout.readline().strip()
        if not self.address:
            raise OSError("there is no PostgreSQL")
        return self

    def __exit__(self, *_):
        self.server.stdin.close()
        self.server.wait()

    def psql(self, command):
        asked = ["psql", "--quiet", "--csv", "--tuples-only", self.address, "-c", command]
        return subprocess.run(asked, check=True, capture_output=True).stdout

    def fresh(self):
        for command in ("set client_min_messages = error; drop table if exists orders", TABLE, "checkpoint"):
            self.psql(command)
        return {"address": self.address}

    def records(self):
        text = io.StringIO(self.psql("select * from orders").decode(), newline="")
        return [[cell(value) for value in record] for record in csv.reader(text)]


KINDS = {"": Nowhere, "sqlite": Sqlite, "postgres": Postgres}
