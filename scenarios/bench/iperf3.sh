#!/bin/sh
# Servers of iperf3, one at each port, so that each measurement has its own: after a test the server
# closes the socket at which it listens and opens another, and whoever connected meanwhile is reset.
# usage: iperf3.sh PORT…
set -eu
command -v iperf3 >/dev/null || exit 0
for port; do
    iperf3 -s -p "$port" &
done
wait
