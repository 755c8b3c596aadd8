"""Jobs that make CSV of other formats: JSON Lines and a web server's log."""

from ..peers import OURS, Way, duckdb, miller, pipe, polars, tool
from . import Job

JSON = Job("JSON Lines to CSV, 4 fields, 2 of them nested", "events", {
    OURS: tool("extract", "-c", "id, name=user.name, country=user.address.country, amount"),
    "xan": pipe("{xan} from -f ndjson {input} | {xan} select id,user.name,user.address.country,amount"),
    "duckdb": duckdb(
        "select id, user.name, user.address.country, amount from source",
        "read_json('{input}', format = 'newline_delimited', columns = {'id': 'bigint', 'user': "
        "'struct(name varchar, address struct(country varchar))', 'amount': 'double'})"),
    "polars": polars(
        "pl.scan_ndjson('{input}', schema = {'id': pl.Int64, 'user': pl.Struct({'name': pl.String, "
        "'address': pl.Struct({'country': pl.String})}), 'amount': pl.Float64})"
        ".select('id', col('user').struct.field('name'), col('user').struct.field('address').struct.field('country'), "
        "'amount')"),
    "mlr": miller("flatten", "then", "cut", "-o", "-f", "id,user.name,user.address.country,amount",
                  formats=("--ijsonl", "--ocsv")),
    "jq": Way(["jq", "-r", "[.id, .user.name, .user.address.country, .amount] | @csv", "{input}"], header=False),
})

# host, ident, user, time, method, path, protocol, status, bytes, referrer, agent; `-` is nothing.
PERL = r"""
BEGIN { @m{qw(Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec)} = map { sprintf "%02d", $_ } 1 .. 12; print "host\n" }
next unless m{^(\S+) (\S+) (\S+) \[(\d\d)/(\w\w\w)/(\d{4}):(\S+) ([-+]\d\d)(\d\d)\] "(\S+) (\S+) (\S+)" (\d+) (\S+) "([^"]*)" "([^"]*)"$};
my @f = ($1, $2, $3, "$6-$m{$5}-$4T$7$8:$9", $10, $11, $12, $13, $14, $15, $16);
print join(",", map { $_ eq "-" ? "" : /,/ ? qq("$_") : $_ } @f), "\n";
"""
MAWK = r"""
function cell(x) { return x == "-" ? "" : index(x, ",") ? "\"" x "\"" : x }
BEGIN { for (i = 1; i <= 12; i++) m[substr("JanFebMarAprMayJunJulAugSepOctNovDec", 3 * i - 2, 3)] = sprintf("%02d", i)
        print "host" }
{ split($1, a, " "); split($2, r, " "); split($3, s, " "); t = a[4]; z = a[5]
  print cell(a[1]), cell(a[2]), cell(a[3]), substr(t, 9, 4) "-" m[substr(t, 5, 3)] "-" substr(t, 2, 2) "T" \
        substr(t, 14) substr(z, 1, 3) ":" substr(z, 4, 2), r[1], cell(r[2]), r[3], s[1], cell(s[2]), cell($4), cell($6) }
"""
PATTERN = (r"""^(\S+) (\S+) (\S+) \[(\d\d)/(\w\w\w)/(\d{4}):(\S+) ([-+]\d\d)(\d\d)\] """
           r""""(\S+) (\S+) (\S+)" (\d+) (\S+) "([^"]*)" "([^"]*)"$""")
MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()

LOG = Job("combined log to CSV, times to ISO 8601", "access", {
    OURS: tool("extract", "--from", "combined"),
    "duckdb": duckdb(
        "select f.h, nullif(f.i, '-'), nullif(f.u, '-'), "
        "concat(f.y, '-', map {" + ", ".join(f"'{name}': '{place + 1:02}'" for place, name in enumerate(MONTHS))
        + "}[f.b], '-', f.d, 'T', f.t, f.z, ':', f.w), f.m, f.p, f.v, f.s, nullif(f.n, '-'), nullif(f.r, '-'), "
        f"nullif(f.a, '-') from (select regexp_extract(line, '{PATTERN}', "
        "['h', 'i', 'u', 'd', 'b', 'y', 't', 'z', 'w', 'm', 'p', 'v', 's', 'n', 'r', 'a']) as f from source)",
        "read_csv('{input}', columns = {'line': 'varchar'}, header = false, auto_detect = false, "
        "delim = e'\\x01', quote = '', escape = '')"),
    "perl": Way(["perl", "-ne", PERL, "{input}"]),
    "mawk": Way(["mawk", "-F\"", "-v", "OFS=,", MAWK, "{input}"]),
})

JOBS = {"json": JSON, "log": LOG}
