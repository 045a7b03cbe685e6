#!/bin/sh
# What the nodes of the resilience suite do, for each transport.
#
# usage: transport.sh tcp|udp|wireguard|openvpn ROLE
#
# ROLE: exit, entry        the tunnel's end, which stays until it is stopped
#       server             the echo
#       ready-exit, ready-entry, ready-server    whether that is ready
#       client QUIET_S     sends the payload and checks what comes back
set -eu

PORT=7000
BYTES=262144 # enough for what happens in mid-transfer, some 180 packets each way
transport=$1 role=$2

listens() {
    # /proc/net/tcp and udp: the local address is the second column, its port in hexadecimal.
    awk -v port="$(printf ':%04X' $PORT)" -v state="$2" \
        'substr($2, 9) == port && $4 == state { found = 1 } END { exit !found }' "/proc/net/$1"
}

case $transport.$role in
tcp.exit | tcp.entry | udp.exit | udp.entry) exec tail -f /dev/null ;;
tcp.ready-e* | udp.ready-e*) ;;
wireguard.exit | wireguard.entry | openvpn.exit | openvpn.entry)
    exec sh /smoke/tunnel.sh "$transport" "$role" ipv4
    ;;
wireguard.ready-exit) wg show wg0 ;;
openvpn.ready-exit) grep -q tun0 /proc/net/dev ;;
*.ready-entry) exec ping -c 1 -W 1 10.99.0.1 ;;
udp.server) exec perl /resilience/udp.pl server $PORT ;;
*.server) exec sh /smoke/echo-server.sh tcp ipv4 $PORT ;;
udp.ready-server) listens udp 07 ;;
*.ready-server) listens tcp 0A ;;
udp.client) exec perl /resilience/udp.pl client exit $PORT "$3" ;;
tcp.client) LIMIT_S=90 exec sh /smoke/echo-client.sh tcp ipv4 exit $PORT $BYTES ;;
*.client) LIMIT_S=90 exec sh /smoke/echo-client.sh tcp ipv4 exit.tunnel $PORT $BYTES ;;
*)
    echo "usage: transport.sh tcp|udp|wireguard|openvpn ROLE" >&2
    exit 2
    ;;
esac
