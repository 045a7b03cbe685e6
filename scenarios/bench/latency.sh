#!/bin/sh
# Round trips of ICMP echo requests, one after another, and their distribution.
# usage: latency.sh HOST COUNT
#
# -A sends the next as soon as the last one is answered.
set -eu
# The first one waits for ARP.
ping -c 1 "$1" >/dev/null
ping -A -c "$2" "$1" | sed -n 's/.*time=\([0-9.]*\) ms.*/\1/p' | sort -n | awk -v wanted="$2" '
    { times[NR] = $1; sum += $1 }
    function at(share,   i) { i = int(share * NR); return times[i < share * NR ? i + 1 : i] }
    function metric(name, value) {
        printf "DUET_METRIC: {\"name\": \"latency.%s\", \"value\": %.6f, ", name, value
        print "\"unit\": \"ms\", \"better\": \"lower\"}"
    }
    END {
        if (NR < wanted * 0.9) {
            print NR + 0 " of " wanted " echo requests were answered" > "/dev/stderr"
            exit 1
        }
        metric("mean", sum / NR)
        metric("p50", at(0.5)); metric("p90", at(0.9)); metric("p99", at(0.99))
        if (NR >= 1000) metric("p999", at(0.999))
    }'
