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
next unless m{^(\S+)[ ](\S+)[ ](\S+)[ ]\[(\d\d)/(\w\w\w)/(\d{4}):(\S+)[ ]([-+]\d\d)(\d\d)\][ ]
              "(\S+)[ ](\S+)[ ](\S+)"[ ](\d+)[ ](\S+)[ ]"([^"]*)"[ ]"([^"]*)"$}x;
my @f = ($1, $2, $3, "$6-$m{$5}-$4T$7$8:$9", $10, $11, $12, $13, $14, $15, $16);
print join(",", map { $_ eq "-" ? "" : /,/ ? qq("$_") : $_ } @f), "\n";
"""
MAWK = r"""
function cell(x) { return x == "-" ? "" : index(x, ",") ? "\"" x "\"" : x }
BEGIN { for (i = 1; i <= 12; i++) m[substr("JanFebMarAprMayJunJulAugSepOctNovDec", 3 * i - 2, 3)] = sprintf("%02d", i)
        print "host" }
{ split($1, a, " "); split($2, r, " "); split($3, s, " "); t = a[4]; z = a[5]
  print cell(a[1]), cell(a[2]), cell(a[3]), substr(t, 9, 4) "-" m[substr(t, 5, 3)] "-" substr(t, 2, 2) "T" \
        substr(t, 14) substr(z, 1, 3) ":" substr(z, 4, 2), r[1], cell(r[2]), r[3], \
        s[1], cell(s[2]), cell($4), cell($6) }
"""
MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()
SQL_MONTHS = "map {" + ", ".join(f"'{name}': '{place:02}'" for place, name in enumerate(MONTHS, 1)) + "}"

LOG = Job("combined log to CSV, times to ISO 8601", "access", {
    OURS: tool("extract", "--from", "combined"),
    # Splitting takes it three quarters of the time of regexp_extract with sixteen groups.
    "duckdb": duckdb(f"""
        select a[1], nullif(a[2], '-'), nullif(a[3], '-'),
               concat(a[4][9:12], '-', {SQL_MONTHS}[a[4][5:7]], '-', a[4][2:3], 'T', a[4][14:],
                      a[5][1:3], ':', a[5][4:5]),
               r[1], r[2], r[3], s[2], nullif(s[3], '-'), nullif(q[4], '-'), nullif(q[6], '-')
        from (select q, string_split(q[1], ' ') as a, string_split(q[2], ' ') as r, string_split(q[3], ' ') as s
              from (select string_split(line, '"') as q from source))""",
        "read_csv('{input}', columns = {'line': 'varchar'}, header = false, auto_detect = false, "
        "delim = e'\\x01', quote = '', escape = '')"),
    "perl": Way(["perl", "-ne", PERL, "{input}"]),
    "mawk": Way(["mawk", "-F\"", "-v", "OFS=,", MAWK, "{input}"]),
})

JOBS = {"json": JSON, "log": LOG}
