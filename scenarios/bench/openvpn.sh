#!/bin/sh
# The client's end of the smoke suite's OpenVPN; measures how long it takes until it is up. The
# kernel's uptime has steps of 10 ms.
set -eu
started=$(cut -d' ' -f1 /proc/uptime)
completed='Initialization Sequence Completed'
{
    status=0
    sh /smoke/tunnel.sh openvpn entry ipv4 || status=$?
    echo "openvpn ended with exit status $status" >&2
} | while IFS= read -r line; do
    case $line in
    *"${completed:-none any more}"*)
        completed= # again after it has lost the other end
        echo "$started $(cut -d' ' -f1 /proc/uptime)" | awk '$2 > $1 {
            printf "DUET_METRIC: {\"name\": \"handshake\", \"value\": %.0f, ", ($2 - $1) * 1000
            print "\"unit\": \"ms\", \"better\": \"lower\"}" }'
        ;;
    esac
    # Only now: a case without steps is over once this process is ready.
    printf '%s\n' "$line"
done
# It is to run until it is stopped; the status of the pipe is the loop's.
exit 1
