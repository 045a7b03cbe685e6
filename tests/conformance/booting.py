"""From READY to STARTPOD."""

from exchange import exchange
from guest import MACS
from peer import Code

TIME_S = 1700000000

POD = {
    "hostname": "node",
    "time_ns": f"{TIME_S}000000000",
    "entropy": "5a" * 32,
    "machine_id": "0123456789abcdef0123456789abcdef",
    "interfaces": [{"device": MACS[0], "mac": "52:54:00:00:01:01", "name": "left", "mtu": 1400,
                    "addresses": ["10.0.0.1/24", "fd00::1/64"]}],
    "sysctls": [{"key": "net.ipv4.ip_forward", "value": "1"},
                {"key": "net/ipv4/conf/left/forwarding", "value": "0"}],
    "routes": [{"to": "10.9.0.0/16", "via": "10.0.0.9"}, {"to": "default", "via": "fd00::9"}],
    "hosts": [{"name": "neighbour", "addresses": ["10.0.0.9"]}],
    "dns": {"nameservers": ["10.0.0.53", "fd00::53"], "search": ["a.example", "b.example"]},
}

# What a request must have, for those that come at the wrong time.
FIELDS = {
    Code.RESTARTCONTAINER: {"container": "c", "stdout": 901, "stderr": 902},
    Code.EXECCMD: {"name": "n", "argv": ["true"], "stdout": 901, "stderr": 902},
    Code.WINSIZE: {"target": 1, "rows": 24, "columns": 80},
    Code.FINISHPOD: {},
    Code.WRITEFILE: {"path": "/tmp/x", "mode": 0o644, "stream": 901},
    Code.READFILE: {"path": "/etc/passwd", "stream": 901},
    Code.NEWCONTAINER: {"container": "c", "root": "/", "name": "n", "argv": ["true"],
                        "stdout": 901, "stderr": 902},
    Code.KILLCONTAINER: {"target": 1, "signal": 9},
    Code.SETUPINTERFACE: {"device": MACS[0], "mac": MACS[0], "name": "eth0"},
    Code.SETUPROUTE: {"routes": []},
    Code.REMOVECONTAINER: {"container": "c"},
    Code.SETLINK: {"interface": "left", "impair": [{}, None]},
    Code.LINKSTATE: {"interface": "left"},
    Code.CLOSELINK: {"interface": "left"},
}


def ready(peer):
    _, payload = peer.event((Code.READY,))
    assert payload["version"] == 2, payload
    return payload


def too_early(peer):
    """All but four requests are refused, and NEXT, which has no id, is too."""
    for code, fields in FIELDS.items():
        peer.refuse(code, **fields)
    peer.send(Code.NEXT, {"stream": 1, "bytes": 1})
    peer.unnamed_refusal(Code.NEXT)


def served_always(peer):
    assert peer.ask(Code.VERSION, version=2)["version"] == 2
    assert "2" in peer.refuse(Code.VERSION, version=1)
    peer.refuse(Code.VERSION, version=3)
    counts = peer.ask(Code.ONLINECPUMEM)
    assert counts["cpus"] >= 1 and counts["memory_blocks"] >= 0, counts


@exchange()
@exchange("bare")
def ready_is_first(peer):
    ready(peer)


@exchange()
def requests_before_startpod(peer):
    too_early(peer)
    served_always(peer)


@exchange()
def startpod_that_cannot_be_read(peer):
    """It was not tried, so another may come."""
    for wrong in ({"hostname": "a b"}, {"hostname": ""}, {"time_ns": 5}, {"time_ns": "x"},
                  {"entropy": "00"}, {"entropy": "zz" * 32}, {"machine_id": "0"}, {"unknown": 1},
                  {"interfaces": {}}, {"interfaces": [{"name": "a"}]},
                  {"interfaces": POD["interfaces"] * 2}, {"routes": [{"to": "default"}]},
                  {"routes": [{"to": "10.0.0.0/8", "via": "fd00::1"}]}, {"sysctls": [{"key": "x"}]},
                  {"hosts": [{"name": "a", "addresses": ["b"]}]}, {"dns": {"servers": []}},
                  {"dns": {"nameservers": ["10.0.0.1/8"]}}, {"containers": [{"id": 7}]}):
        peer.refuse(Code.STARTPOD, **{**POD, **wrong})
    for missing in ("hostname", "time_ns", "entropy"):
        reason = peer.refuse(Code.STARTPOD, **{k: v for k, v in POD.items() if k != missing})
        assert missing in reason, reason


@exchange()
def startpod_with_a_container(peer):
    command = peer.prepare("echo up; exec sleep 1000", prints=b"up\n", stays=True)
    fields = {"id": peer.new_id(), "container": "early", "root": "/", "overlay": True,
              **command.fields}
    command.id = fields["id"]
    peer.ask(Code.STARTPOD, **POD, containers=[fields])
    command.seen(b"up\n")
    peer.run("hostname", fields={"container": "early"}, prints=b"early\n")
    command.kill(15, container="early")
    command.finished(signal=15)
    peer.ask(Code.REMOVECONTAINER, container="early")


@exchange()
def startpod_comes_once(peer):
    peer.refuse(Code.STARTPOD, **POD)


@exchange()
def the_node_is_what_startpod_says(peer):
    script = f"""
        hostname; cat /etc/machine-id; s=$(( $(date +%s) - {TIME_S} ))
        [ $s -ge 0 -a $s -lt 3600 ] && echo in time
        cat /sys/class/net/left/mtu /sys/class/net/left/address /sys/class/net/left/operstate
        ip -o address show left | awk '$4 !~ /^fe80/ {{ print $3, $4 }}'
        cat /proc/sys/net/ipv4/ip_forward /proc/sys/net/ipv4/conf/left/forwarding
        ip route show 10.9.0.0/16; ip -6 route show default | awk '{{ print $3 }}'
        grep -w neighbour /etc/hosts; cat /etc/resolv.conf
        ping -qc1 127.0.0.1 >/dev/null && echo lo
    """
    peer.run(script, prints=b"""node
0123456789abcdef0123456789abcdef
in time
1400
52:54:00:00:01:01
up
inet 10.0.0.1/24
inet6 fd00::1/64
1
0
10.9.0.0/16 via 10.0.0.9 dev left\x20
fd00::9
10.0.0.9\tneighbour
search a.example b.example
nameserver 10.0.0.53
nameserver fd00::53
lo
""")


@exchange("bare", alone=True)
def startpod_that_fails(peer):
    """What it did cannot be undone: the node stays what it is, and only its end is left."""
    pod = {**POD, "routes": [{"to": "10.9.0.0/16", "via": "192.0.2.1"}]}
    assert "10.9.0.0" in peer.refuse(Code.STARTPOD, **pod)
    peer.refuse(Code.STARTPOD, **POD)
    too_early(peer)
    served_always(peer)


@exchange("foreign", alone=True)
def a_foreign_init_is_told_little(peer):
    ready(peer)
    served_always(peer)
    too_early(peer)
    peer.refuse(Code.STARTPOD, **POD, containers=[
        {"id": peer.new_id(), **FIELDS[Code.NEWCONTAINER]}])
    too_early(peer)


ABSENT = {**POD, "interfaces": [{**POD["interfaces"][0], "device": "52:54:00:00:00:99"}]}


def wait_for_nic(peer):
    """A STARTPOD that is not answered soon."""
    request = peer.request(Code.STARTPOD, **ABSENT)
    peer.ping()
    assert not any(payload.get("id") == request for _, payload in peer.events)
    return request


@exchange("foreign", alone=True)
def others_are_answered_while_startpod_waits_for_a_nic(peer):
    request = wait_for_nic(peer)
    too_early(peer)
    assert "52:54:00:00:00:99" in peer.refusal(request, Code.STARTPOD)
    peer.refuse(Code.STARTPOD, **POD)


@exchange("waiting", alone=True, last=True)
def destroypod_while_startpod_waits_for_a_nic(peer):
    request = wait_for_nic(peer)
    peer.ask(Code.DESTROYPOD)
    peer.refusal(request, Code.STARTPOD)
    peer.gone()
