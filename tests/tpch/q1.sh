#!/usr/bin/env bash
# TPC-H query 1, the pricing summary report: what was billed, shipped and returned up to 90 days before
# 1998-12-01. Reads lineitem as CSV from the file $1.
set -euo pipefail

extract "$1" -c 'l_quantity, l_extendedprice, l_discount, l_tax, l_returnflag, l_linestatus, l_shipdate' \
    | filter 'l_shipdate <= "1998-09-02"' \
    | map 'disc_price = l_extendedprice * (1 - l_discount), charge = disc_price * (1 + l_tax)' \
    | aggregate 'sum_qty = sum(l_quantity),
                 sum_base_price = sum(l_extendedprice),
                 sum_disc_price = sum(disc_price),
                 sum_charge = sum(charge),
                 avg_qty = round(avg(l_quantity), 2),
                 avg_price = round(avg(l_extendedprice), 2),
                 avg_disc = round(avg(l_discount), 2),
                 count_order = count()' --by l_returnflag,l_linestatus \
    | { IFS= read -r header && echo "$header" && LC_ALL=C sort; }
