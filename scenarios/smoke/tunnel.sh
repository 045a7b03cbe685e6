#!/bin/sh
# Sets up one end of a tunnel between the nodes and stays until it is stopped.
#
# usage: tunnel.sh wireguard|openvpn exit|entry ipv4|ipv6
#
# The packets that carry the tunnel are of the IP version named. Inside, `exit` has 10.99.0.1 and
# fd99::1 and is called exit.tunnel.
set -eu

tunnel=$1 node=$2 version=$3
EXIT_KEY=p8VPMrjvPFFsMmywX7ScGJGJhPg/jxetcc3PjJ9NMEU=
ENTRY_KEY=vKNob1WwFKMDLN0lcVYReadZDGZBhffvjyhw2MvO6Eg=

printf '%s\texit.tunnel\n' 10.99.0.1 fd99::1 >>/etc/hosts

# The address of the node $1 on the link.
address_of() {
    awk -v name="$1" -v version="$version" '
        $2 == name && (/:/ ? "ipv6" : "ipv4") == version { print $1; exit }' /etc/hosts
}

# With its path: busybox's shell would take its own ip, which knows no WireGuard.
add_wireguard() {
    /bin/ip link add wg0 type wireguard
    /bin/ip address add "10.99.0.$1/24" dev wg0
    /bin/ip address add "fd99::$1/64" dev wg0 nodad
    /bin/ip link set wg0 up
}

case $tunnel.$node in
wireguard.exit)
    add_wireguard 1
    wg set wg0 listen-port 51820 private-key /smoke/wireguard-exit.key \
        peer "$ENTRY_KEY" allowed-ips 10.99.0.2/32,fd99::2/128
    ;;
wireguard.entry)
    endpoint=$(address_of exit)
    [ "$version" = ipv4 ] || endpoint="[$endpoint]"
    add_wireguard 2
    wg set wg0 private-key /smoke/wireguard-entry.key \
        peer "$EXIT_KEY" allowed-ips 10.99.0.1/32,fd99::1/128 endpoint "$endpoint:51820"
    ;;
openvpn.exit)
    exec openvpn --config /smoke/openvpn-exit.conf --proto "tcp${version#ipv}-server"
    ;;
openvpn.entry)
    exec openvpn --config /smoke/openvpn-entry.conf --proto "tcp${version#ipv}-client"
    ;;
*)
    echo "usage: tunnel.sh wireguard|openvpn exit|entry ipv4|ipv6" >&2
    exit 2
    ;;
esac
# The kernel carries the tunnel; this process stands for it.
wg show wg0
exec tail -f /dev/null
