"""Requests about the node itself, at run time."""

from booting import served_always
from exchange import exchange
from guest import MACS
from peer import Code


@exchange()
def version_and_ping_and_hotplug(peer):
    served_always(peer)
    for _ in range(3):
        peer.ping()
    peer.run("cat /sys/devices/system/cpu/online", prints=b"0-1\n")


@exchange()
def setupinterface(peer):
    right = {"device": MACS[1], "mac": "52:54:00:00:01:02", "name": "right"}
    peer.ask(Code.SETUPINTERFACE, **right, addresses=["10.1.0.1/24", "fd01::1/64"])
    script = """ip -o address show right | awk '$4 !~ /^fe80/ { print $3, $4 }'
                cat /sys/class/net/right/address"""
    peer.run(script, prints=b"inet 10.1.0.1/24\ninet6 fd01::1/64\n52:54:00:00:01:02\n")
    for wrong in ({"name": "a/b"}, {"mtu": 10}, {"addresses": ["x"]}, {"device": "left"},
                  {"id": 0}):
        peer.send(Code.SETUPINTERFACE, {"id": peer.new_id(), **right, **wrong})
        if "id" in wrong:
            peer.unnamed_refusal(Code.SETUPINTERFACE)
        else:
            peer.refusal(peer.last_id, Code.SETUPINTERFACE)


@exchange()
def links_that_the_node_does_not_carry(peer):
    for link in ("left", "nowhere"):
        peer.refuse(Code.LINKSTATE, interface=link)
        peer.refuse(Code.CLOSELINK, interface=link)
        peer.refuse(Code.SETLINK, interface=link, impair=[None, None])
    peer.refuse(Code.SETLINK, interface="left")
    peer.refuse(Code.LINKSTATE)


@exchange()
def setuproute(peer):
    peer.ask(Code.SETUPROUTE, routes=[{"to": "10.7.0.0/16", "via": "10.1.0.9"},
                                      {"to": "fd07::/64", "via": "fd01::9", "device": "right"}])
    peer.ask(Code.SETUPROUTE, routes=[])
    peer.run("ip route show 10.7.0.0/16; ip -6 route show fd07::/64 | cut -d' ' -f1-5",
             prints=b"10.7.0.0/16 via 10.1.0.9 dev right \nfd07::/64 via fd01::9 dev right\n")
    for wrong in ([{"to": "10.8.0.0/16"}], [{"via": "10.1.0.9"}], {}, [{"to": "x", "via": "y"}]):
        peer.refuse(Code.SETUPROUTE, routes=wrong)


@exchange()
def routes_that_the_kernel_refuses(peer):
    for route in ({"to": "10.7.0.0/16", "via": "10.1.0.9"},
                  {"to": "10.8.0.0/16", "via": "192.0.2.1"},
                  {"to": "10.8.0.0/16", "device": "nowhere"}):
        peer.will_refuse(Code.SETUPROUTE)
        peer.refuse(Code.SETUPROUTE, routes=[route])


@exchange()
def another_link_has_its_passing_name(peer):
    """As when two are set up at once: each has one before it gets its own."""
    left = {"device": "52:54:00:00:01:01", "mac": "52:54:00:00:01:01"}
    right = {"device": "52:54:00:00:01:02", "mac": "52:54:00:00:01:02"}
    peer.run("ip link set left down; ip link set right down; ip link set right name duet-0")
    peer.ask(Code.SETUPINTERFACE, **left, name="other")
    peer.run("ip link set other down; cat /sys/class/net/other/address",
             prints=b"52:54:00:00:01:01\n")
    for link, name in ((left, "left"), (right, "right")):
        peer.ask(Code.SETUPINTERFACE, **link, name=name)
