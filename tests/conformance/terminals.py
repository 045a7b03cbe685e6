"""EXECCMD with a terminal, and WINSIZE."""

from exchange import exchange
from peer import Code

SIZE = {"rows": 24, "columns": 80}

# A terminal that changes nothing and shows nothing twice, so that a mock can do the same.
PLAIN = "stty -echo -onlcr; echo up; "


@exchange()
def a_terminal_of_that_size(peer):
    peer.run("stty -onlcr; stty size; tty | cut -c1-9; echo error >&2", terminal={"rows": 7,
             "columns": 300}, prints=b"7 300\n/dev/pts/\nerror\n")


@exchange()
def it_is_the_controlling_terminal(peer):
    peer.run("stty -onlcr; echo here >/dev/tty; for i in 0 1 2; do [ -t $i ] && echo $i; done",
             terminal=SIZE, prints=b"here\n0\n1\n2\n")


@exchange()
def typing_to_its_end(peer):
    command = peer.start(PLAIN + "exec cat", terminal=SIZE, prints=b"up\n", echoes=True)
    command.seen(b"up\n")
    command.type(b"line\n")
    command.seen(b"line\n")
    command.close()
    command.finished()
    assert command.output == b"up\nline\n", command.output


@exchange()
def the_end_in_the_middle_of_a_line(peer):
    command = peer.start(PLAIN + "exec cat", terminal=SIZE, prints=b"up\n", echoes=True)
    command.seen(b"up\n")
    command.type(b"half")
    command.close()
    command.finished()
    assert command.output == b"up\nhalf", command.output


@exchange()
def the_end_behind_a_zero_byte(peer):
    command = peer.start(PLAIN + "exec cat", terminal=SIZE, prints=b"up\n", echoes=True)
    command.seen(b"up\n")
    command.type(b"zero\0")
    command.close()
    command.finished()
    assert command.output == b"up\nzero\0", command.output


@exchange(alone=True)
def a_child_that_keeps_the_terminal(peer):
    """The command's end is the terminal's hangup. What is left holds its stream open."""
    command = peer.start("stty -onlcr; trap '' HUP; sleep 1000 & echo $!; exit 7", terminal=SIZE,
                         status=7)
    _, payload = peer.event((Code.CMDFINISHED,), id=command.id)
    assert (payload["status"], payload["signal"]) == (7, 0), payload
    command.seen(b"\n")
    assert payload["stdout_bytes"] == len(command.output), payload
    peer.refuse(Code.WINSIZE, target=command.id, **SIZE)
    assert not peer.streams[command.out].ended
    peer.run(f"kill {int(command.output)}")
    command.does.prints = command.output
    command.finished()


@exchange()
def the_interrupt_key(peer):
    command = peer.start(PLAIN + "exec sleep 1000", terminal=SIZE, prints=b"up\n", stays=True)
    command.seen(b"up\n")
    command.type(b"\x03")
    command.now(signal=2)
    command.finished()


@exchange()
def winsize_is_seen(peer):
    command = peer.start("trap 'stty size; exit 6' WINCH; " + PLAIN + "while :; do sleep 0.1; done",
                         terminal=SIZE, prints=b"up\n", stays=True)
    command.seen(b"up\n")
    peer.ask(Code.WINSIZE, target=command.id, rows=50, columns=132)
    command.now(prints=b"50 132\n", status=6)
    command.finished()


@exchange()
def winsize_of_what_has_no_terminal(peer):
    size = {"rows": 1, "columns": 1}
    command = peer.start("echo up; exec sleep 1000", prints=b"up\n", stays=True)
    command.seen(b"up\n")
    peer.refuse(Code.WINSIZE, target=command.id, **size)
    command.kill(15)
    command.finished(signal=15)
    peer.refuse(Code.WINSIZE, target=command.id, **size)
    peer.refuse(Code.WINSIZE, target=1 << 53, **size)
    over = peer.run("exit 1", terminal=SIZE, status=1)
    peer.refuse(Code.WINSIZE, target=over.id, **size)


@exchange()
def a_long_output_of_a_terminal(peer):
    peer.run("stty -opost; head -c 2000000 /dev/zero", terminal=SIZE, zeros=2000000)


@exchange()
def terminals_that_are_asked_for_wrongly(peer):
    right = {"name": "n", "argv": ["true"], "stdout": 821, "stdin": 822, "terminal": SIZE}
    for wrong in ({"stderr": 823}, {"stdin": None}, {"terminal": {"rows": 24}}, {"terminal": []},
                  {"terminal": {**SIZE, "rows": 0}}, {"terminal": {**SIZE, "columns": 65536}},
                  {"terminal": {**SIZE, "depth": 1}}):
        fields = {key: value for key, value in {**right, **wrong}.items() if value is not None}
        peer.refuse(Code.EXECCMD, **fields)
