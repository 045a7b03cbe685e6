#!/bin/sh
# Connections per second, one after another, each for one small request (HTTP/1.0, by ab).
# usage: connections.sh HOST SECONDS
set -eu
command -v ab >/dev/null || {
    echo "ab is missing on the machine that runs duet" >&2
    exit 1
}
ab -q -t "$2" -n 1000000 -c 1 "http://$1:8080/ok" | awk '
    { print }
    /^Failed requests:/ { failed = $3 }
    /^Non-2xx responses:/ { refused = $3 }
    /^Requests per second:/ { rate = $4 }
    END {
        if (failed != 0 || refused != 0 || rate + 0 <= 0) {
            print "ab has " failed + 0 " failed requests, " refused + 0 " refused ones and " \
                rate + 0 " a second" > "/dev/stderr"
            exit 1
        }
        printf "DUET_METRIC: {\"name\": \"connections\", \"value\": %.3f, ", rate
        print "\"unit\": \"1/s\", \"better\": \"higher\"}"
    }'
