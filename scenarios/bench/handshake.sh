#!/bin/sh
# What the first packet to a host takes longer than the ones after it: the tunnel's handshake.
# usage: handshake.sh HOST
set -eu
ping -c 4 -W 30 "$1" | sed -n 's/.*time=\([0-9.]*\) ms.*/\1/p' | awk '
    NR == 1 { first = $1 }
    NR > 1 { sum += $1 }
    END {
        if (NR < 4) {
            print NR + 0 " of 4 echo requests were answered" > "/dev/stderr"
            exit 1
        }
        if (first <= sum / 3) {
            print "the first packet took " first " ms, those after it " sum / 3 \
                " ms: the handshake was before it" > "/dev/stderr"
            exit 1
        }
        printf "DUET_METRIC: {\"name\": \"handshake\", \"value\": %.6f, ", first - sum / 3
        print "\"unit\": \"ms\", \"better\": \"lower\"}"
    }'
