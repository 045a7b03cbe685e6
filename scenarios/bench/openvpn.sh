#!/bin/sh
# The client's end of the smoke suite's OpenVPN; measures how long it takes until it is up. The
# kernel's uptime has steps of 10 ms.
set -eu
started=$(cut -d' ' -f1 /proc/uptime)
sh /smoke/tunnel.sh openvpn entry ipv4 | while IFS= read -r line; do
    printf '%s\n' "$line"
    case $line in
    *"Initialization Sequence Completed"*)
        echo "$started $(cut -d' ' -f1 /proc/uptime)" | awk '{
            printf "DUET_METRIC: {\"name\": \"handshake\", \"value\": %.0f, ", ($2 - $1) * 1000
            print "\"unit\": \"ms\", \"better\": \"lower\"}" }'
        ;;
    esac
done
