#!/bin/sh
# A server that measurements need, and whether it is up. Without its program there is none to wait
# for: the case goes on, and each measurement says itself that the program is missing.
# usage: server.sh run PROGRAM ARGUMENT…
#        server.sh ready PROGRAM tcp|udp PORT…
set -eu
action=$1 program=$2
command -v "$program" >/dev/null || exit 0
case $action in
run)
    shift
    exec "$@"
    ;;
ready)
    # A socket of each port without a peer; the local address and the peer's are hexadecimal.
    protocol=$3
    shift 3
    for port; do
        grep -qs ":$(printf %04X "$port") [0-9A-F]*:0000 " \
            "/proc/net/$protocol" "/proc/net/${protocol}6"
    done
    ;;
esac
