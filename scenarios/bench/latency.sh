#!/bin/sh
# The mean round trip of ICMP echo requests, one after another.
# usage: latency.sh HOST COUNT
#
# -A sends the next as soon as the last one is answered.
set -eu
# The first one waits for ARP.
ping -c 1 "$1" >/dev/null
ping -A -c "$2" "$1" | sed -n 's/.*time=\([0-9.]*\) ms.*/\1/p' | awk -v wanted="$2" '
    { sum += $1 }
    END {
        if (NR < wanted * 0.9) {
            print NR + 0 " of " wanted " echo requests were answered" > "/dev/stderr"
            exit 1
        }
        printf "DUET_METRIC: {\"name\": \"latency\", \"value\": %.6f, ", sum / NR
        print "\"unit\": \"ms\", \"better\": \"lower\"}"
    }'
