"""EXECCMD without a terminal, and KILLCONTAINER of what it started."""

from exchange import exchange
from peer import Code


@exchange()
def exit_statuses(peer):
    for status in (0, 1, 7, 127, 128, 143, 255):
        peer.run(f"exit {status}", status=status)


@exchange()
def deaths_by_signal(peer):
    for number in (1, 2, 6, 9, 11, 15, 34, 64):
        peer.run(f"kill -{number} $$", signal=number)


@exchange()
def output_and_errors_are_apart(peer):
    peer.run("printf out; printf err >&2; exit 3", prints=b"out", errors=b"err", status=3)


@exchange()
def input_to_its_end(peer):
    command = peer.start("cat", typed=True, echoes=True)
    command.acknowledged()
    for piece in (b"a", b"", b"b" * 300000, b"\0\xff" * 40000):
        command.type(piece)
    command.close()
    command.finished()
    assert command.output == b"a" + b"b" * 300000 + b"\0\xff" * 40000


@exchange()
def no_input_at_all(peer):
    peer.run("cat; readlink /proc/self/fd/0", prints=b"/dev/null\n")


@exchange()
def input_that_is_not_read(peer):
    """It is dropped once the command has ended; the host closes the stream when it likes."""
    command = peer.start("exit 2", typed=True, status=2)
    command.acknowledged()
    command.type(b"x" * 100000)
    command.finished()
    peer.run("true")


@exchange()
def environment_and_directory(peer):
    peer.run('echo "$PATH $HOME $TERM $PWD"',
             prints=b"/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin /root linux /\n")
    peer.run('echo "$A $HOME $PWD"', fields={"env": {"A": "b=c d", "HOME": "/x"}, "cwd": "/tmp"},
             prints=b"b=c d /x /tmp\n")
    peer.run(["env"], fields={"env": {"PATH": "/bin"}},
             prints=b"PATH=/bin\nHOME=/root\nTERM=linux\n")


@exchange()
def what_is_inits_stays_there(peer):
    """A directory that is listed is open, as number 3."""
    peer.run(["ls", "/proc/self/fd"], prints=b"0\n1\n2\n3\n")
    peer.run(["grep", "-E", "Sig(Blk|Ign)", "/proc/self/status"],
             prints=b"SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n")
    peer.run("umask; ulimit -n", prints=b"0022\n1024\n")


@exchange()
def commands_that_cannot_start(peer):
    peer.write("/tmp/text", b"no program")
    peer.write("/tmp/script", b"#!/no/interpreter\n", mode=0o755)
    for argv, cwd, word in ((["/no/such"], "/", "/no/such"), (["nosuch"], "/", "nosuch"),
                            (["/tmp/text"], "/", "/tmp/text"), (["/tmp"], "/", "/tmp"),
                            (["/tmp/script"], "/", "interpreter"), (["true"], "/none", "/none")):
        peer.start_in_vain(argv, typed=True, fields={"cwd": cwd}, word=word)
    peer.run("rm /tmp/text /tmp/script")


@exchange()
def an_id_that_failed_can_be_used(peer):
    command = peer.start_in_vain(["/no/such"])
    peer.last_id -= 1
    peer.forget(command.id)
    peer.run("exit 5", status=5)


@exchange()
def signals_to_a_command(peer):
    for number in (1, 2, 3, 10, 15, 9, 40):
        command = peer.start("echo up; exec sleep 1000", prints=b"up\n", stays=True)
        command.seen(b"up\n")
        command.kill(number)
        command.finished(signal=number)


@exchange()
def a_signal_that_is_caught(peer):
    command = peer.start("exec 2>/dev/null; trap 'echo caught; exit 3' USR1; echo up; "
                         "while :; do sleep 0.1; done",
                         stays=True, stubborn=True, prints=b"up\n")
    command.seen(b"up\n")
    command.kill(10)
    command.now(prints=b"caught\n", status=3)
    command.finished()


@exchange()
def a_signal_reaches_the_whole_group(peer):
    command = peer.start("sleep 1000 & sleep 1000 & echo up; wait", prints=b"up\n", stays=True)
    command.seen(b"up\n")
    command.kill(15)
    command.finished(signal=15)
    peer.run("pidof sleep", status=1)


@exchange()
def signals_to_nobody(peer):
    command = peer.run("true")
    peer.refuse(Code.KILLCONTAINER, target=command.id, signal=15)
    peer.refuse(Code.KILLCONTAINER, target=1 << 53, signal=15)
    peer.refuse(Code.KILLCONTAINER, container="nobody", signal=15)


@exchange(alone=True)
def the_id_of_a_command_is_no_others(peer):
    """What else has that id is not what a signal is for."""
    command = peer.start("echo up; exec sleep 1000", prints=b"up\n", stays=True)
    command.seen(b"up\n")
    peer.send(Code.SETUPROUTE, {"id": command.id, "routes": []})
    command.kill(9)
    command.finished(signal=9)
    peer.event((Code.ACK,), code=Code.SETUPROUTE, id=command.id)


@exchange()
def timeouts(peer):
    command = peer.start(["sleep", "1000"], stays=True, fields={"timeout_ms": 2000})
    command.finished(signal=15, timed_out=True)
    # By then the shell must have come to its trap.
    command = peer.start("trap '' TERM; sleep 1000", stays=True, stubborn=True,
                         fields={"timeout_ms": 10000})
    command.finished(signal=9, timed_out=True)
    peer.run("true", fields={"timeout_ms": 100000})


DHCP = "/tmp/dhcp"


@exchange()
def readiness(peer):
    peer.write(DHCP, b"interface left\nstart 10.0.0.20\nend 10.0.0.30\nlease_file /tmp/leases\n")
    for ready, script in (({"tcp": 8001}, "exec nc -lp 8001"),
                          ({"udp": 67}, f"exec udhcpd -f {DHCP}"),
                          ({"path": "/tmp/there"}, "touch /tmp/there; exec sleep 1000"),
                          ({"output": "is up"}, "echo it is up; exec sleep 1000"),
                          ({"command": "test -e /tmp/there"}, "exec sleep 1000")):
        prints = b"it is up\n" if "output" in ready else b""
        command = peer.start(f"exec 2>/dev/null; {script}", prints=prints, stays=True,
                             fields={"ready": ready, "background": True})
        command.acknowledged()
        command.ready()
        command.kill(9)
        command.finished(signal=9)
    peer.run(f"rm /tmp/there {DHCP}")


@exchange()
def readiness_in_standard_error(peer):
    command = peer.start("printf 'almost re' >&2; sleep 0.1; echo ady >&2; exec sleep 1000",
                         errors=b"almost ready\n", stays=True,
                         fields={"ready": {"output": "ready"}})
    command.ready()
    command.kill(9)
    command.finished(signal=9)


@exchange()
def a_command_that_fails_is_never_ready(peer):
    peer.run("exit 3", status=3, fields={"ready": {"path": "/no/such"}})


@exchange(alone=True)
def a_file_system_that_hangs_holds_nothing_else_up(peer):
    """Nobody reads what it asks for."""
    # One for each: who waits for another's lock on a directory cannot even be killed.
    server = peer.start("exec 5<>/dev/fuse 6<>/dev/fuse 7<>/dev/fuse; for fd in 5 6 7; do "
                        "mkdir -p /mnt/$fd && mount -t fuse -o fd=$fd,rootmode=40000,user_id=0,"
                        "group_id=0 none /mnt/$fd; done; echo up; exec sleep 1000",
                        prints=b"up\n", stays=True)
    server.seen(b"up\n")
    echo = peer.start("cat", typed=True, echoes=True)
    echo.acknowledged()
    hangs = peer.prepare("true", fields={"cwd": "/mnt/5/x"})
    hangs.ask()
    stream = peer.new_input()
    file = peer.request(Code.WRITEFILE, path="/mnt/6/x", mode=0, stream=stream)
    waits = peer.start("exec sleep 1000", stays=True, fields={"ready": {"path": "/mnt/7/x"}})
    waits.acknowledged()
    peer.run("sleep 0.2")
    echo.type(b"goes on")
    echo.close()
    echo.finished()
    peer.ask(Code.KILLCONTAINER, target=file, signal=9)
    peer.refusal(file, Code.WRITEFILE)
    peer.end(stream)
    waits.kill(9)
    waits.finished(signal=9)
    server.kill(9)
    server.finished(signal=9)
    assert "/mnt/5/x" in hangs.refused()
    peer.run("umount /mnt/5 /mnt/6 /mnt/7")


@exchange()
def used_ids(peer):
    peer.run("true")
    request = peer.last_id
    for code, fields in ((Code.EXECCMD, {"name": "n", "argv": ["true"], "stdout": 801,
                                         "stderr": 802}),
                         (Code.READFILE, {"path": "/etc/passwd", "stream": 801}),
                         (Code.WRITEFILE, {"path": "/tmp/x", "mode": 0, "stream": 801})):
        peer.send(code, {"id": request, **fields})
        peer.event((Code.ERROR,), id=request, code=code)


@exchange()
def used_streams(peer):
    command = peer.start("echo up; cat", typed=True, prints=b"up\n", echoes=True)
    command.seen(b"up\n")
    fresh = {"stdout": 811, "stderr": 812, "stdin": 813}
    for key, used in (("stdout", command.out), ("stdout", command.err), ("stderr", command.out),
                      ("stdin", command.input)):
        peer.refuse(Code.EXECCMD, name="n", argv=["true"], **{**fresh, key: used})
    peer.refuse(Code.READFILE, path="/etc/passwd", stream=command.out)
    peer.refuse(Code.WRITEFILE, path="/tmp/x", mode=0, stream=command.input)
    command.close()
    command.finished()
    peer.reuse(command)
    again = peer.start("exit 4", typed=True, status=4)
    again.acknowledged()
    again.finished()
