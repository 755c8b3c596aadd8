"""Jobs over orders: 9 columns of CSV with quotes, delimiters and newlines inside of notes."""

from ..peers import OURS, Way, duckdb, mawk, miller, pipe, polars, tool, xan, xsv
from ..place import BIN
from . import Job

COLUMNS = "id ts customer_id country sku qty price status note".split()


def asked_duckdb(query, **types):
    """DuckDB with all columns named, so that it need not look for them, and texts wherever a text will do.
    What is computed is a double, or a decimal where that is faster (map)."""
    columns = ", ".join(f"'{name}': '{types.get(name, 'varchar')}'" for name in COLUMNS)
    dialect = "header = true, auto_detect = false, delim = ',', quote = '\"', escape = '\"'"
    return duckdb(query, f"read_csv('{{input}}', columns = {{{columns}}}, {dialect})")


def asked_polars(plan, **types):
    """polars with all columns' types named, texts wherever a text will do; `orders` in a plan is the file."""
    schema = ", ".join(f"'{name}': pl.{types.get(name, 'String')}" for name in COLUMNS)
    return polars(plan.replace("orders", f"pl.scan_csv('{{input}}', schema = {{{schema}}})"))


def four_programs(title, price):
    """The pipe of our four programs on what costs more than `price`, of 0 to 1,000; DuckDB and polars have one plan."""
    return Job(title, "orders", {
        OURS: pipe(f"extract -j {{threads}} -c country,qty,price {{input}} | filter -j {{threads}} 'price > {price}' "
                   "| map -j {threads} 'total = qty * price' "
                   "| aggregate -j {threads} 'n = count(), total = sum(total)' --by country"),
        "xan": pipe(f"{{xan}} select country,qty,price {{input}} | {{xan}} filter 'price > {price}' "
                    "| {xan} map 'qty * price as total' | {xan} groupby country 'count() as n, sum(total) as total'"),
        "duckdb": asked_duckdb(f"select country, count(*), sum(qty * price) from source where price > {price} "
                               "group by country", qty="integer", price="double"),
        "polars": asked_polars(f"orders.filter(col('price') > {price}).group_by('country')"
                               ".agg(pl.len(), (col('qty') * col('price')).sum())", qty="Int64", price="Float64"),
        "mlr": miller("cut", "-f", "country,qty,price", "then", "filter", f"$price > {price}", "then", "put",
                      "$total = $qty * $price", "then", "stats1", "-a", "count,sum", "-f", "total", "-g", "country"),
        "mawk": mawk(f"NR > 1 && $7 > {price} {{ n[$4]++; s[$4] += $6 * $7 }} END {{ print \"country,n,total\"; "
                     "for (c in n) print c, n[c], s[c] }"),
    }, unordered=True, counts="wall", threads=2)


JOBS = {
    "count": Job("count records", "orders", {
        OURS: tool("aggregate", "n = count()"),
        "xan": xan("count", header=False),
        "xsv": xsv("count", header=False),
        "duckdb": asked_duckdb("select count(*) from source"),
        "polars": asked_polars("orders.select(pl.len())"),
        "mlr": miller("count"),
        "mawk": mawk("END { print NR - 1 }", header=False),
    }),
    "select": Job("select 3 of 9 columns", "orders", {
        OURS: tool("extract", "-c", "id,country,price"),
        "xan": xan("select", "id,country,price"),
        "xsv": xsv("select", "id,country,price"),
        "duckdb": asked_duckdb("select id, country, price from source"),
        "polars": asked_polars("orders.select('id', 'country', 'price')"),
        "mlr": miller("cut", "-o", "-f", "id,country,price"),
        "mawk": mawk("{ print $1, $4, $7 }"),
    }),
    "number": Job("filter by a number, 10 % kept", "orders", {
        OURS: tool("filter", "price > 900"),
        "xan": xan("filter", "price > 900"),
        "duckdb": asked_duckdb("from source where price > 900", price="double"),
        "polars": asked_polars("orders.filter(col('price') > 900)", price="Float64"),
        "mlr": miller("filter", "$price > 900"),
        "mawk": mawk("NR == 1 || $7 > 900"),
    }),
    "text": Job("filter by a text", "orders", {
        OURS: tool("filter", 'country = "KR"'),
        "xan": xan("search", "-e", "-s", "country", "KR"),
        "xsv": xsv("search", "-s", "country", "^KR$"),
        "duckdb": asked_duckdb("from source where country = 'KR'"),
        "polars": asked_polars("orders.filter(col('country') == 'KR')"),
        "mlr": miller("filter", '$country == "KR"'),
        "mawk": mawk('NR == 1 || $4 == "KR"'),
    }),
    "regex": Job("filter by a regular expression", "orders", {
        OURS: tool("filter", 'note ~ "refund|damaged"'),
        "xan": xan("search", "-r", "-s", "note", "refund|damaged"),
        "xsv": xsv("search", "-s", "note", "refund|damaged"),
        "duckdb": asked_duckdb("from source where regexp_matches(note, 'refund|damaged')"),
        "polars": asked_polars("orders.filter(col('note').str.contains('refund|damaged'))"),
        "mlr": miller("filter", '$note =~ "refund|damaged"'),
        "mawk": mawk("NR == 1 || $9 ~ /refund|damaged/"),
    }),
    "map": Job("add a product (ours: exact)", "orders", {
        OURS: tool("map", "total = qty * price"),
        "xan": xan("map", "qty * price as total"),
        "duckdb": asked_duckdb("select *, qty * price as total from source", qty="integer", price="decimal(10, 2)"),
        "polars": asked_polars("orders.with_columns(total = col('qty') * col('price'))", qty="Int64", price="Float64"),
        "mlr": miller("put", "$total = $qty * $price"),
        "mawk": mawk('NR == 1 { print $0, "total"; next } { print $0, $6 * $7 }'),
    }),
    "group": Job("group by country: count, sum, mean", "orders", {
        OURS: tool("aggregate", "n = count(), total = sum(price), mean = avg(price)", "--by", "country"),
        "xan": xan("groupby", "country", "count() as n, sum(price) as total, mean(price) as mean"),
        "duckdb": asked_duckdb("select country, count(*), sum(price), avg(price) from source group by country",
                               price="double"),
        "polars": asked_polars("orders.group_by('country').agg(pl.len(), col('price').sum(), "
                               "col('price').mean().alias('mean'))", price="Float64"),
        "mlr": miller("stats1", "-a", "count,sum,mean", "-f", "price", "-g", "country"),
        "mawk": mawk('NR > 1 { n[$4]++; s[$4] += $7 } END { print "country,n,total,mean"; '
                     "for (c in n) print c, n[c], s[c], s[c] / n[c] }"),
        # The second lines of notes hold no comma, and `cut -s` passes over them.
        "datamash": pipe("cut -s -d, -f4,7 {input} | datamash -t, --header-in -s -g 1 count 2 sum 2 mean 2",
                         header=False),
    }, unordered=True),
    "customers": Job("group by customer, {} groups: count, sum", "orders", {
        OURS: tool("aggregate", "n = count(), total = sum(price)", "--by", "customer_id"),
        "xan": xan("groupby", "customer_id", "count() as n, sum(price) as total"),
        "duckdb": asked_duckdb("select customer_id, count(*), sum(price) from source group by customer_id",
                               customer_id="integer", price="double"),
        "polars": asked_polars("orders.group_by('customer_id').agg(pl.len(), col('price').sum())",
                               customer_id="Int64", price="Float64"),
        "mlr": miller("stats1", "-a", "count,sum", "-f", "price", "-g", "customer_id"),
        "mawk": mawk('NR > 1 { n[$3]++; s[$3] += $7 } END { print "customer_id,n,total"; '
                     "for (c in n) print c, n[c], s[c] }"),
        "datamash": pipe("cut -s -d, -f3,7 {input} | datamash -t, --header-in -s -g 1 count 2 sum 2", header=False),
    }, unordered=True, many=1_000_000),
    "pipe": four_programs("pipe of four programs: columns, filter (10 % kept), product, group", 900),
    "pipe90": four_programs("the same pipe, 90 % kept", 100),
    "order": Job("sort by two numbers", "orders", {
        OURS: tool("order", "price, id"),
        "xan": xan("sort", "-N", "-s", "price,id"),
        "duckdb": asked_duckdb("from source order by price, id", price="decimal(12, 2)", id="bigint"),
        "polars": asked_polars("orders.sort('price', 'id')", price="Float64", id="Int64"),
        "sort": pipe("head -n 1 {input}; tail -n +2 {input} | sort -t, -k7,7n -k1,1n"),
    }),
    "top": Job("the 100 of the highest price", "orders", {
        OURS: tool("order", "-price", "--limit", "100"),
        "duckdb": asked_duckdb("from source order by price desc, id limit 100", price="decimal(12, 2)", id="bigint"),
        "polars": asked_polars("orders.sort('price', 'id', descending = [True, False]).head(100)", price="Float64", id="Int64"),
    }),
    "dedupe": Job("the first record of each of 1,000,000 customers", "orders", {
        OURS: tool("dedupe", "customer_id"),
        "xan": xan("dedup", "-s", "customer_id"),
        "polars": asked_polars("orders.unique('customer_id', keep = 'first', maintain_order = True)"),
        "mawk": mawk("!seen[$3]++"),
    }),
    "lookup": Job("join with 100,000 customers, 10 % match", "orders", {
        OURS: Way([f"{BIN}/lookup", "{table}", "--on", "customer_id", "-j", "{threads}", "{input}"]),
        "xan": Way(["{xan}", "join", "--left", "customer_id", "{input}", "customer_id", "{table}", "-D", "right"]),
        "xsv": pipe("{xsv} join --left customer_id {input} customer_id {table} | {xsv} select 1-9,11-"),
        "duckdb": asked_duckdb("select source.*, t.name, t.segment from source "
                               "left join read_csv('{table}') t using (customer_id)", customer_id="bigint"),
        "polars": asked_polars("orders.join(pl.scan_csv('{table}'), on = 'customer_id', how = 'left', "
                               "maintain_order = 'left')", customer_id="Int64"),
    }, unordered=True),
    "frequency": Job("frequency of a column, 20,000 values", "orders", {
        OURS: tool("aggregate", "n = count()", "--by", "sku"),
        "xan": xan("frequency", "-s", "sku", "-A", normal=lambda records: [record[1:] for record in records]),
        "xsv": xsv("frequency", "-s", "sku", "--limit", "0", normal=lambda records: [record[1:] for record in records]),
        "duckdb": asked_duckdb("select sku, count(*) from source group by sku"),
        "polars": asked_polars("orders.group_by('sku').agg(pl.len())"),
        "mlr": miller("count-distinct", "-f", "sku"),
        "mawk": mawk('NR > 1 { n[$5]++ } END { print "sku,n"; for (s in n) print s, n[s] }'),
        "datamash": pipe("cut -s -d, -f5 {input} | datamash -t, --header-in -s -g 1 count 1", header=False),
    }, unordered=True),
    "distinct": Job("distinct count, {} values", "orders", {
        OURS: tool("aggregate", "customers = count_distinct(customer_id)"),
        "xan": xan("agg", "cardinality(customer_id) as customers"),
        "xsv": xsv("stats", "-s", "customer_id", "--cardinality", normal=lambda records: [records[0][-1:]]),
        "duckdb": asked_duckdb("select count(distinct customer_id) from source", customer_id="integer"),
        "polars": asked_polars("orders.select(col('customer_id').n_unique())", customer_id="Int64"),
        "mlr": miller("count-distinct", "-n", "-f", "customer_id"),
        "mawk": mawk('NR > 1 && !($3 in seen) { seen[$3]; n++ } END { print n }', header=False),
        "datamash": pipe("cut -s -d, -f3 {input} | datamash -t, --header-in countunique 1", header=False),
    }, many=1_000_000),
    "quantiles": Job("median and 95th percentile", "orders", {
        OURS: tool("aggregate", "median = median(price), p95 = quantile(price, 0.95)"),
        # xan takes a value that is there, where the others go between two.
        "xan": xan("agg", "median(price) as median, quantile(price, 0.95) as p95", tolerance=1e-4),
        "duckdb": asked_duckdb("select median(price), quantile_cont(price, 0.95) from source", price="double"),
        "polars": asked_polars("orders.select(col('price').median().alias('median'), "
                               "col('price').quantile(0.95, 'linear').alias('p95'))", price="Float64"),
        "mlr": miller("stats1", "-i", "-a", "p50,p95", "-f", "price"),
        "datamash": pipe("cut -s -d, -f7 {input} | datamash -t, --header-in median 1 perc:95 1", header=False),
    }),
}
