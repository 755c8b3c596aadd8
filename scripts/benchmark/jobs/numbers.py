"""Jobs over numbers: stations' temperatures, a hundred columns, TPC-H's lineitem."""

from ..peers import OURS, Way, duckdb, mawk, miller, pipe, polars, tool, xan, xsv
from . import Job

WIDE = [f"c{place:03}" for place in range(1, 101)]
LINEITEM = ("l_orderkey l_partkey l_suppkey l_linenumber l_quantity l_extendedprice l_discount l_tax l_returnflag "
            "l_linestatus l_shipdate l_commitdate l_receiptdate l_shipinstruct l_shipmode l_comment").split()
MONEY = ["l_quantity", "l_extendedprice", "l_discount", "l_tax"]


def asked_duckdb(query, names, numeric, delimiter=","):
    columns = ", ".join(f"'{name}': '{'double' if name in numeric else 'varchar'}'" for name in names)
    dialect = f"header = true, auto_detect = false, delim = '{delimiter}', quote = '\"', escape = '\"'"
    return duckdb(query, f"read_csv('{{input}}', columns = {{{columns}}}, {dialect})")


def asked_polars(plan, names, numeric, delimiter=","):
    """polars; `file` in a plan is the input."""
    schema = ", ".join(f"'{name}': pl.{'Float64' if name in numeric else 'String'}" for name in names)
    return polars(plan.replace("file", f"pl.scan_csv('{{input}}', separator = '{delimiter}', schema = {{{schema}}})"))


STATIONS = Job("minimum, mean, maximum of 413 stations, {} records", "stations", {
    OURS: Way(tool("aggregate", "-d", ";", "least = min(temperature), mean = avg(temperature), "
                   "greatest = max(temperature)", "--by", "station").command, delimiter=";"),
    "xan": xan("groupby", "-d", ";", "station",
               "min(temperature) as least, mean(temperature) as mean, max(temperature) as greatest"),
    "duckdb": asked_duckdb("select station, min(temperature), avg(temperature), max(temperature) from source "
                           "group by station", ["station", "temperature"], ["temperature"], ";"),
    "polars": asked_polars("file.group_by('station').agg(least = col('temperature').min(), "
                           "mean = col('temperature').mean(), greatest = col('temperature').max())",
                           ["station", "temperature"], ["temperature"], ";"),
    "mlr": miller("stats1", "-a", "min,mean,max", "-f", "temperature", "-g", "station",
                  formats=("--icsvlite", "--ifs", ";", "--ocsv")),
    "mawk": mawk('NR > 1 { t = $2 + 0; if (!n[$1]++) least[$1] = most[$1] = t; s[$1] += t; '
                 "if (t < least[$1]) least[$1] = t; if (t > most[$1]) most[$1] = t } "
                 'END { print "station"; for (c in n) print c, least[c], s[c] / n[c], most[c] }', delimiter=";"),
    "datamash": pipe("datamash -t ';' --output-delimiter=, --header-in -s -g 1 min 2 mean 2 max 2 <{input}",
                     header=False),
}, unordered=True, many=50_000_000)

SUMS = Job("sum 3 of 100 numeric columns", "numbers", {
    OURS: tool("aggregate", "sum(c001), sum(c050), sum(c100)"),
    "xan": xan("agg", "sum(c001) as a, sum(c050) as b, sum(c100) as c"),
    "xsv": xsv("stats", "-s", "c001,c050,c100", normal=lambda records: [[record[2] for record in records]]),
    "duckdb": asked_duckdb("select sum(c001), sum(c050), sum(c100) from source", WIDE, ["c001", "c050", "c100"]),
    "polars": asked_polars("file.select(col('c001', 'c050', 'c100').sum())", WIDE, ["c001", "c050", "c100"]),
    "mlr": miller("stats1", "-a", "sum", "-f", "c001,c050,c100", formats=("--csvlite",)),
    "mawk": mawk("NR > 1 { a += $1; b += $50; c += $100 } END { print a, b, c }", header=False),
    "datamash": pipe("datamash -t, --header-in sum 1 sum 50 sum 100 <{input}", header=False),
})

Q1_SUMS = [
    ("sum", "l_quantity"),
    ("sum", "l_extendedprice"),
    ("sum", "l_extendedprice * (1 - l_discount)"),
    ("sum", "l_extendedprice * (1 - l_discount) * (1 + l_tax)"),
    ("avg", "l_quantity"),
    ("avg", "l_extendedprice"),
    ("avg", "l_discount"),
]
Q1_SQL = ", ".join(f"{name}({what})" for name, what in Q1_SUMS) + ", count(*)"
Q1_XAN = ", ".join(f"{name}({what}) as x{place}" for place, (name, what) in enumerate(Q1_SUMS)) + ", count() as n"

Q1 = Job("TPC-H query 1", "lineitem", {
    # As tests/tpch/q1.sh, without its rounding and sorting.
    OURS: pipe("extract -j {threads} {input} "
               "-c 'l_quantity, l_extendedprice, l_discount, l_tax, l_returnflag, l_linestatus, l_shipdate' "
               "| filter -j {threads} 'l_shipdate <= \"1998-09-02\"' "
               "| map -j {threads} "
               "'disc_price = l_extendedprice * (1 - l_discount), charge = disc_price * (1 + l_tax)' "
               "| aggregate -j {threads} 'sum(l_quantity), sum(l_extendedprice), sum(disc_price), sum(charge), "
               "avg(l_quantity), avg(l_extendedprice), avg(l_discount), count()' --by l_returnflag,l_linestatus"),
    "xan": pipe("{xan} select 'l_quantity,l_extendedprice,l_discount,l_tax,l_returnflag,l_linestatus,l_shipdate' "
                "{input} | {xan} filter 'l_shipdate le \"1998-09-02\"' "
                f"| {{xan}} groupby l_returnflag,l_linestatus '{Q1_XAN}'"),
    "duckdb": asked_duckdb(f"select l_returnflag, l_linestatus, {Q1_SQL} from source "
                           "where l_shipdate <= '1998-09-02' group by all", LINEITEM, MONEY),
    "polars": asked_polars(
        "(lambda price, discount, tax, qty: file.filter(col('l_shipdate') <= '1998-09-02')"
        ".group_by('l_returnflag', 'l_linestatus').agg(a = qty.sum(), b = price.sum(), "
        "c = (price * (1 - discount)).sum(), d = (price * (1 - discount) * (1 + tax)).sum(), e = qty.mean(), "
        "f = price.mean(), g = discount.mean(), n = pl.len()))"
        "(col('l_extendedprice'), col('l_discount'), col('l_tax'), col('l_quantity'))", LINEITEM, MONEY),
    "mlr": miller(
        "filter", '$l_shipdate <= "1998-09-02"', "then",
        "put", "$p = $l_extendedprice * (1 - $l_discount); $c = $p * (1 + $l_tax)", "then",
        "stats1", "-a", "sum,mean,count", "-f", "l_quantity,l_extendedprice,p,c,l_discount",
        "-g", "l_returnflag,l_linestatus", "then",
        "cut", "-o", "-f", "l_returnflag,l_linestatus,l_quantity_sum,l_extendedprice_sum,p_sum,c_sum,"
        "l_quantity_mean,l_extendedprice_mean,l_discount_mean,p_count"),
    "mawk": mawk('NR > 1 && $11 <= "1998-09-02" { k = $9 "," $10; p = $6 * (1 - $7); n[k]++; a[k] += $5; b[k] += $6; '
                 "c[k] += p; d[k] += p * (1 + $8); e[k] += $7 } END { print; for (k in n) "
                 "print k, a[k], b[k], c[k], d[k], a[k] / n[k], b[k] / n[k], e[k] / n[k], n[k] }"),
}, unordered=True)

Q6_WHERE = ("l_shipdate >= '1994-01-01' and l_shipdate < '1995-01-01' and l_discount between 0.045 and 0.075 "
            "and l_quantity < 24")
Q6 = Job("TPC-H query 6", "lineitem", {
    # As tests/tpch/q6.sh.
    OURS: pipe("extract -j {threads} -c 'l_shipdate, l_discount, l_quantity, l_extendedprice' {input} "
               "| filter -j {threads} 'l_shipdate >= \"1994-01-01\" and l_shipdate < \"1995-01-01\" "
               "and l_discount between 0.06 - 0.01 and 0.06 + 0.01 and l_quantity < 24' "
               "| aggregate -j {threads} 'revenue = sum(l_extendedprice * l_discount)'"),
    "xan": pipe("{xan} select l_shipdate,l_discount,l_quantity,l_extendedprice {input} "
                "| {xan} filter 'l_shipdate ge \"1994-01-01\" && l_shipdate lt \"1995-01-01\" && l_discount >= 0.045 "
                "&& l_discount <= 0.075 && l_quantity < 24' "
                "| {xan} agg 'sum(l_extendedprice * l_discount) as revenue'"),
    # In doubles 0.06 + 0.01 is below 0.07: the limits of those that count in doubles lie between two discounts.
    "duckdb": asked_duckdb(f"select sum(l_extendedprice * l_discount) from source where {Q6_WHERE}", LINEITEM, MONEY),
    "polars": asked_polars(
        "file.filter((col('l_shipdate') >= '1994-01-01') & (col('l_shipdate') < '1995-01-01') & "
        "col('l_discount').is_between(0.045, 0.075) & (col('l_quantity') < 24))"
        ".select((col('l_extendedprice') * col('l_discount')).sum())", LINEITEM, MONEY),
    "mlr": miller("filter", '$l_shipdate >= "1994-01-01" && $l_shipdate < "1995-01-01" && $l_discount >= 0.045 && '
                  "$l_discount <= 0.075 && $l_quantity < 24", "then",
                  "put", "$revenue = $l_extendedprice * $l_discount", "then", "stats1", "-a", "sum", "-f", "revenue"),
    "mawk": mawk('NR > 1 && $11 >= "1994-01-01" && $11 < "1995-01-01" && $7 >= 0.045 && $7 <= 0.075 && $5 < 24 '
                 '{ s += $6 * $7 } END { print s }', header=False),
})

JOBS = {"stations": STATIONS, "sums": SUMS, "q1": Q1, "q6": Q6}
