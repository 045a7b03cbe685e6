#!/bin/sh
# Sends back what arrives: each connection until it is closed, or each datagram.
#
# usage: echo-server.sh tcp|udp ipv4|ipv6 PORT
set -eu

# -t: seconds that the answer may take once the request has ended; socat's 0.5 is short for a
# guest that is emulated.
case $1.$2 in
tcp.ipv4) exec socat -t 30 "TCP4-LISTEN:$3,fork,reuseaddr" EXEC:cat ;;
tcp.ipv6) exec socat -t 30 "TCP6-LISTEN:$3,ipv6only,fork,reuseaddr" EXEC:cat ;;
udp.ipv4) exec socat -t 30 "UDP4-RECVFROM:$3,fork" EXEC:cat ;;
udp.ipv6) exec socat -t 30 "UDP6-RECVFROM:$3,ipv6only,fork" EXEC:cat ;;
*)
    echo "usage: echo-server.sh tcp|udp ipv4|ipv6 PORT" >&2
    exit 2
    ;;
esac
