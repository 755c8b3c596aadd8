#!/usr/bin/env bash
# TPC-H query 6, the forecast of a revenue change: what the discounts of 1994 on small orders cost. Reads
# lineitem as CSV from the file $1.
set -euo pipefail

extract "$1" -c 'l_shipdate, l_discount, l_quantity, l_extendedprice' \
    | filter 'l_shipdate >= "1994-01-01" and l_shipdate < "1995-01-01"
              and l_discount between 0.06 - 0.01 and 0.06 + 0.01 and l_quantity < 24' \
    | aggregate 'revenue = sum(l_extendedprice * l_discount)'
