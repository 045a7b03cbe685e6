"""Containers: NEWCONTAINER, what runs in one, KILLCONTAINER, RESTARTCONTAINER, REMOVECONTAINER."""

from exchange import exchange
from peer import Code

STAYS = "echo up; exec sleep 1000"
DIRECTORY = "/tmp/root"


def staying(peer, root="/", overlay=True, **more):
    """A container that goes on until it is ended."""
    fields = {"overlay": overlay, **more.pop("fields", {})}
    command = peer.contain(more.pop("argv", STAYS), root, prints=b"up\n", stays=True, fields=fields,
                           **more)
    command.seen(b"up\n")
    return command


def inside(command, **more):
    return {"container": command.container, **more}


def end(peer, command, number=9):
    command.kill(number, container=command.container)
    command.finished(signal=number)
    peer.remove(command)


@exchange()
def a_world_of_its_own(peer):
    peer.run("for n in pid mnt uts ipc net; do readlink /proc/self/ns/$n; done >/tmp/ns")
    script = """for n in pid mnt uts ipc net; do
                    grep -qF "$(readlink /proc/self/ns/$n)" /tmp/ns && echo shares $n || echo own $n
                done; hostname; [ $$ -lt 9 ] && [ -d /proc/$$ ] && echo few; cat /proc/mounts |
                grep -c ' / '"""
    for network, word in ((False, b"shares"), (True, b"own")):
        command = peer.contain(script, "/", fields={"overlay": True, "network": network,
                               "hostname": "inner"}, prints=b"own pid\nown mnt\nown uts\nown ipc\n"
                               + word + b" net\ninner\nfew\n1\n")
        command.finished()
        peer.remove(command)
    peer.run("hostname; rm /tmp/ns", prints=b"node\n")


@exchange()
def its_network_has_lo(peer):
    command = staying(peer, fields={"network": True})
    peer.run("ip -o link | cut -d: -f2; ip -o -4 address show lo | awk '{ print $4 }'",
             fields=inside(command), prints=b" lo\n127.0.0.1/8\n")
    end(peer, command)


@exchange()
def an_overlay_keeps_what_is_below(peer):
    command = staying(peer)
    peer.run("echo new >/etc/new; rm /etc/passwd; ls -d /etc/new", fields=inside(command),
             prints=b"/etc/new\n")
    peer.run("ls /etc/passwd; ls /etc/new 2>&1 | wc -l", prints=b"/etc/passwd\n1\n")
    command.kill(15, container=command.container)
    command.finished(signal=15)
    again = peer.restart(command.container, prints=b"up\n", stays=True)
    again.seen(b"up\n")
    peer.run("cat /etc/new; [ -e /etc/passwd ] || echo gone", fields=inside(command),
             prints=b"new\ngone\n")
    end(peer, again)


@exchange()
def a_directory_as_root(peer):
    peer.run(f"mkdir -p {DIRECTORY}/usr {DIRECTORY}/tmp; mount --bind /usr {DIRECTORY}/usr; "
             f"for l in bin lib lib64 sbin; do ln -s usr/$l {DIRECTORY}/$l; done")
    command = staying(peer, root=DIRECTORY, overlay=False)
    peer.run("ls /; echo mine >/tmp/file; ls /proc/self/fd | wc -l", fields=inside(command),
             prints=b"bin\ndev\nlib\nlib64\nproc\nsbin\nsys\ntmp\nusr\n4\n")
    end(peer, command)
    peer.run(f"cat {DIRECTORY}/tmp/file; ls /tmp/file 2>/dev/null; "
             f"umount {DIRECTORY}/usr; rm -r {DIRECTORY}; ls /tmp", prints=b"mine\n")


@exchange()
def commands_in_a_container(peer):
    command = staying(peer)
    peer.run("exit 9", status=9, fields=inside(command))
    peer.run("kill -6 $$", signal=6, fields=inside(command))
    peer.run("echo $A; pwd; hostname", fields=inside(command, env={"A": "b"}, cwd="/etc"),
             prints=b"b\n/etc\n" + command.container.encode() + b"\n")
    peer.run(["ls", "/proc/self/fd"], fields=inside(command), prints=b"0\n1\n2\n3\n")
    echo = peer.start("cat", typed=True, echoes=True, fields=inside(command))
    echo.acknowledged()
    echo.type(b"x" * 100000)
    echo.close()
    echo.finished()
    peer.start_in_vain(["/no/such"], fields=inside(command))
    peer.run("stty -onlcr; stty size; tty | cut -c1-9", fields=inside(command),
             terminal={"rows": 5, "columns": 6}, prints=b"5 6\n/dev/pts/\n")
    end(peer, command)


@exchange()
def readiness_and_timeouts_in_a_container(peer):
    command = staying(peer, argv="touch /run/there; nc -lp 7777 & echo up; wait",
                      fields={"network": True})
    for ready in ({"tcp": 7777}, {"path": "/run/there"}, {"command": "test -e /run/there"}):
        one = peer.start("exec sleep 1000", stays=True, fields=inside(command, ready=ready))
        one.ready()
        one.kill(9)
        one.finished(signal=9)
    one = peer.start("exec sleep 1000", stays=True, fields=inside(command, timeout_ms=200))
    one.finished(signal=15, timed_out=True)
    end(peer, command)


@exchange()
def the_container_ends_with_its_command(peer):
    command = peer.contain("echo up; read x; exit 4", "/", typed=True, prints=b"up\n", stays=True,
                           fields={"overlay": True})
    command.seen(b"up\n")
    other = peer.start(STAYS, prints=b"up\n", stays=True, fields=inside(command))
    other.seen(b"up\n")
    command.type(b"\n")
    command.now(status=4)
    command.finished()
    other.finished(signal=9)
    stopped(peer, command)
    peer.remove(command)


def stopped(peer, command):
    """Nothing works in a container that is stopped."""
    for code, fields in ((Code.EXECCMD, {"name": "n", "argv": ["true"], "stdout": 831,
                                         "stderr": 832}),
                         (Code.READFILE, {"path": "/etc/passwd", "stream": 831}),
                         (Code.WRITEFILE, {"path": "/tmp/x", "mode": 0, "stream": 831}),
                         (Code.KILLCONTAINER, {"signal": 15})):
        peer.refuse(code, **fields, container=command.container)


@exchange(alone=True)
def the_process_that_holds_it_together_is_killed(peer):
    """By the kernel for want of memory, perhaps."""
    command = staying(peer)
    other = peer.start("exec sleep 1000", stays=True, fields=inside(command))
    other.acknowledged()
    peer.run("for p in $(pidof init); do [ $p = 1 ] || kill -9 $p; done")
    command.finished(signal=9)
    other.finished(signal=9)
    again = peer.restart(command.container, prints=b"up\n", stays=True)
    again.seen(b"up\n")
    end(peer, again)


@exchange()
def signals_to_a_container(peer):
    for number in (1, 10, 15, 9):
        end(peer, staying(peer), number)
    command = staying(peer, argv="exec 2>/dev/null; trap 'echo caught; exit 3' TERM; echo up; "
                      "while :; do sleep 0.1; done", stubborn=True)
    command.kill(15, container=command.container)
    command.now(prints=b"caught\n", status=3)
    command.finished()
    peer.remove(command)
    command = staying(peer)
    command.kill(15)
    command.finished(signal=15)
    peer.remove(command)


@exchange()
def restart(peer):
    command = staying(peer)
    again = peer.restart(command.container, prints=b"up\n", stays=True)
    command.finished(signal=15)
    again.seen(b"up\n")
    again.kill(9)
    again.finished(signal=9)
    third = peer.restart(command.container, prints=b"up\n", stays=True)
    third.seen(b"up\n")
    end(peer, third)


@exchange()
def restart_of_one_that_does_not_listen(peer):
    command = staying(peer, argv="trap '' TERM; echo up; exec sleep 1000", stubborn=True)
    again = peer.restart(command.container, prints=b"up\n", stays=True, stubborn=True)
    command.finished(signal=9)
    again.seen(b"up\n")
    end(peer, again)


@exchange()
def restarts_that_are_refused(peer):
    command = staying(peer)
    streams = {"stdout": 841, "stderr": 842}
    for wrong in ({"container": "nobody"}, {"stdout": command.out}, {"stderr": 841},
                  {"container": "a/b"}, {"argv": ["true"]}, {"stdin": 0}):
        peer.refuse(Code.RESTARTCONTAINER, **{"container": command.container, **streams, **wrong})
    peer.refuse(Code.RESTARTCONTAINER, container=command.container, stdout=841)
    peer.send(Code.RESTARTCONTAINER, {"id": command.id, "container": command.container, **streams})
    peer.event((Code.ERROR,), id=command.id, code=Code.RESTARTCONTAINER)
    end(peer, command)
    peer.refuse(Code.RESTARTCONTAINER, container=command.container, **streams)


@exchange()
def removal(peer):
    command = staying(peer)
    peer.refuse(Code.REMOVECONTAINER, container=command.container)
    end(peer, command)
    peer.refuse(Code.REMOVECONTAINER, container=command.container)
    peer.refuse(Code.REMOVECONTAINER, container="nobody")
    again = staying(peer, fields={"container": command.container})
    peer.run("ls /etc/new 2>/dev/null", status=1, fields=inside(again))
    end(peer, again)
    peer.run("ls /run/duet/containers")


@exchange()
def containers_that_cannot_start(peer):
    """Their name is free again."""
    name = peer.new_container()
    for root, argv in (("/none", ["true"]), ("/etc/passwd", ["true"]), ("/", ["/no/such"])):
        peer.start_in_vain(argv, code=Code.NEWCONTAINER, fields={"container": name, "root": root})
        peer.refuse(Code.EXECCMD, name="n", argv=["true"], stdout=851, stderr=852, container=name)
    command = staying(peer, fields={"container": name})
    end(peer, command)


@exchange()
def containers_that_are_refused(peer):
    command = staying(peer)
    right = {"container": "other", "root": "/", "name": "n", "argv": ["true"], "stdout": 861,
             "stderr": 862}
    for wrong in ({"container": command.container}, {"container": "a b"}, {"container": "x" * 65},
                  {"root": "etc"}, {"overlay": 1}, {"hostname": ""}, {"network": "yes"},
                  {"stdout": command.out}, {"argv": []}):
        peer.refuse(Code.NEWCONTAINER, **{**right, **wrong})
    end(peer, command)


@exchange()
def one_id_for_two_containers(peer):
    """The second is refused while the first is still being started."""
    first = peer.prepare(STAYS, code=Code.NEWCONTAINER, prints=b"up\n", stays=True)
    first.fields.update(container=peer.new_container(), root="/", overlay=True)
    first.container = first.fields["container"]
    first.ask()
    peer.send(Code.NEWCONTAINER, {"id": first.id, "container": peer.new_container(), "root": "/",
                                  "overlay": True, "name": "n", "argv": ["true"],
                                  "stdout": 871, "stderr": 872})
    # Whether before or after the ACK of the first is up to chance.
    peer.events.remove(peer.event((Code.ERROR,), id=first.id, code=Code.NEWCONTAINER))
    first.seen(b"up\n")
    peer.run("echo kept >/etc/kept; cat /etc/kept", fields=inside(first), prints=b"kept\n")
    end(peer, first)


@exchange()
def files_of_a_container(peer):
    command = staying(peer)
    peer.write("/etc/new", b"of the container", mode=0o751, **inside(command))
    assert peer.read("/etc/new", **inside(command)) == (b"of the container", 0o751)
    peer.run("cat /etc/new; ls /etc/.duet* 2>/dev/null", fields=inside(command), status=1,
             prints=b"of the container")
    stream = peer.new_stream()
    peer.refuse(Code.READFILE, path="/etc/new", stream=stream)
    del peer.streams[stream]
    end(peer, command)


@exchange()
def a_container_that_stops_ends_its_transfers(peer):
    command = staying(peer)
    stream = peer.new_input()
    request = peer.request(Code.WRITEFILE, path="/etc/new", mode=0, stream=stream,
                           **inside(command))
    peer.feed(stream, b"half")
    command.kill(9, container=command.container)
    command.finished(signal=9)
    peer.refusal(request, Code.WRITEFILE)
    peer.end(stream)
    peer.remove(command)
