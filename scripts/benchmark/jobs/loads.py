"""Jobs that load orders into a database."""

from ..peers import OURS, Way, tool
from . import Job

JOBS = {
    "sqlite": Job("load into SQLite", "orders", {
        OURS: tool("load", "sqlite:{output}", "--table", "orders"),
        "sqlite3": Way(["sqlite3", "{output}", ".import --csv {input} orders"]),
    }, target="sqlite"),
    # The server's work is in the wall time alone.
    "postgres": Job("load into PostgreSQL, a table that is there", "orders", {
        OURS: tool("load", "{address}", "--table", "orders"),
        "psql": Way(["psql", "--quiet", "{address}", "-c", "\\copy orders from '{input}' (format csv, header)"]),
    }, counts="wall", target="postgres"),
}
