#!/bin/sh
# Round trips of a request and its answer, 14 bytes each, one after another for so many seconds over
# TCP or UDP, and their distribution, by sockperf.
# usage: request_response.sh tcp|udp HOST SECONDS PERCENTILE…
#
# A percentile takes as many round trips as one of them is beyond it: 99.9 takes 1000.
set -eu
protocol=$1 host=$2 seconds=$3
shift 3
command -v sockperf >/dev/null || {
    echo "sockperf is missing on the machine that runs duet" >&2
    exit 1
}
# sockperf takes no names, and the first packet waits for ARP.
address=$(ping -c 1 "$host" | sed -n 's/^PING [^(]*(\([0-9.]*\)).*/\1/p')
tcp=--tcp
[ "$protocol" = tcp ] || tcp=
# By default it counts ticks of the TSC, at a rate that it measures in a tenth of a second: when the
# host is busy then, all that follows is off by percents. --no-rdtsc is CLOCK_MONOTONIC. It leaves
# out what begins in the first 0.4 s and the last 0.05 s, but takes so many ticks for nanoseconds
# then, three times of them at 3 GHz: hence 2 s more.
# shellcheck disable=SC2086 # $tcp is one word or none
sockperf ping-pong $tcp --ip "$address" --time $((seconds + 2)) --full-rtt --no-rdtsc 2>&1 |
    awk -v protocol="$protocol" -v seconds="$seconds" -v wanted="$*" '
    function fail(text) {
        print text > "/dev/stderr"
        exit 1
    }
    { print }
    NF { last = $0 }
    /Test end \(interrupted by timer\)/ { whole = 1 }
    /\[Valid Duration\] RunTime=/ { valid = $0; sub(/.*RunTime=/, "", valid) }
    /Total [0-9]+ observations/ { sub(/.*Total /, ""); count = $1 + 0 }
    /---> percentile/ { at[$4 + 0] = $6 / 1000 }
    /# dropped messages = [0-9]+; # duplicated messages = [0-9]+; # out-of-order messages = [0-9]+/ {
        sub(/.*# dropped messages = /, "")
        counted = split($0, lost, /[^0-9]+/)
    }
    END {
        if (!whole || count == 0)
            fail("sockperf measured nothing: " last)
        if (!counted)
            fail("sockperf did not print how many answers were lost: it is another version than this reads")
        if (lost[1] + lost[2] + lost[3] > 0)
            fail(lost[1] " answers were lost, " lost[2] " came twice, " lost[3] " out of order")
        # An answer that never came is no dropped one to sockperf: it has waited for it.
        if (valid + 0 < 0.9 * seconds)
            fail(sprintf("round trips went on for %.1f s of %d: an answer was lost", valid, seconds))
        n = split(wanted, percentiles, " ")
        for (i = 1; i <= n; i++) {
            percentile = name = percentiles[i]
            gsub(/\./, "", name)
            if (count * (100 - percentile) < 99.99) {
                few = few " p" name
                takes = 100 / (100 - percentile)
            } else if (at[percentile + 0] > 0) {
                printf "DUET_METRIC: {\"name\": \"%s_rr.p%s\", \"value\": %.6f, ", protocol, name,
                    at[percentile + 0]
                print "\"unit\": \"ms\", \"better\": \"lower\"}"
            } else
                fail("sockperf printed no " percentile "th percentile: it is another version than this reads")
        }
        if (few)
            fail(sprintf("%d round trips are too few for%s, which takes %.0f: measure longer", count, few, takes))
    }'
