"""Bytes on io: fairness, room, and what is no stream."""

from exchange import exchange
from peer import WINDOW, Code

MUCH = 1 << 20  # bytes
FLOODS = f"head -c {MUCH} /dev/zero; exec sleep 1000"


def flood(peer):
    """A command that prints more than a window, on a stream that nobody reads further."""
    command = peer.start(FLOODS, zeros=MUCH, stays=True)
    stream = peer.streams[command.out]
    stream.held, stream.counted = True, False
    return command


def full(peer, command):
    peer.wait("window", lambda: True if len(peer.streams[command.out].data) == WINDOW else None)


@exchange()
def a_hundred_streams_are_fair(peer):
    """Each gets its share of a fixed number of bytes."""
    share = 128 << 10
    commands = [flood(peer) for _ in range(100)]
    for command in commands:
        full(peer, command)
    for command in commands:
        peer.release(command.out, MUCH)
    streams = [peer.streams[command.out] for command in commands]
    most = 100 * (WINDOW + share)
    peer.wait("bytes", lambda: True if sum(len(s.data) for s in streams) >= most else None)
    counts = sorted(len(stream.data) - WINDOW for stream in streams)
    assert counts[0] >= share / 2 and counts[-1] <= 2 * share, counts
    for command in commands:
        command.kill(9)
    for command in commands:
        command.finished(signal=9)


@exchange()
def a_stream_that_nobody_reads_blocks_none(peer):
    held = flood(peer)
    full(peer, held)
    peer.run("head -c 3000000 /dev/zero", zeros=3000000)
    echo = peer.start("cat", typed=True, echoes=True)
    echo.acknowledged()
    echo.type(b"y" * 500000)
    echo.close()
    echo.finished()
    full(peer, held)
    held.kill(9)
    peer.release(held.out, MUCH)
    held.finished(signal=9)


@exchange()
def a_command_whose_input_nobody_reads(peer):
    """It takes what a window and a pipe hold, and the others go on."""
    command = peer.start("echo up; exec sleep 1000", typed=True, prints=b"up\n", stays=True)
    command.seen(b"up\n")
    command.type(bytes(WINDOW))
    peer.run("echo on", prints=b"on\n")
    command.kill(15)
    command.finished(signal=15)


@exchange()
def bytes_that_nobody_asked_for(peer):
    for data in (b"x", b""):
        peer.send_io(1 << 40, data)
        assert peer.unnamed_refusal(Code.NEXT)["stream"] == 1 << 40
    peer.grant(1 << 40, 5)
    command = peer.run("exit 1", status=1)
    peer.grant(command.out, 5)


@exchange()
def more_than_there_is_room_for(peer):
    """A command's standard input is closed with it."""
    command = peer.start("exec 2>/dev/null; trap 'cat >/dev/null; exit 6' USR1; echo up; "
                         "while :; do sleep 0.1; done", typed=True, prints=b"up\n", stays=True,
                         stubborn=True)
    command.seen(b"up\n")
    for _ in range(3 * WINDOW // 60000):
        peer.send_io(command.input, bytes(60000))
    assert peer.unnamed_refusal(Code.NEXT)["stream"] == command.input
    peer.only_once(command.input)
    command.kill(10)
    command.now(status=6)
    command.finished()


@exchange()
def frames_that_lie(peer):
    """They are skipped, and what follows is read."""
    for length in (0, 1, 11):
        peer.send_io(7, b"", length)
        assert peer.unnamed_refusal(Code.NEXT)["stream"] == 7
    for length in (65537, 200000):
        peer.send_io(8, bytes(length - 12), length)
        assert peer.unnamed_refusal(Code.NEXT)["stream"] == 8
    echo = peer.start("cat", typed=True, echoes=True)
    echo.acknowledged()
    echo.type(b"still here")
    echo.close()
    echo.finished()
    assert echo.output == b"still here"


@exchange()
def a_frame_that_lies_closes_its_input(peer):
    command = peer.start("echo up; cat; echo end; exec sleep 1000", typed=True, prints=b"up\n",
                         stays=True)
    command.seen(b"up\n")
    peer.send_io(command.input, bytes(65525), 65537)
    assert peer.unnamed_refusal(Code.NEXT)["stream"] == command.input
    command.now(prints=b"end\n")
    command.seen(b"end\n")
    command.kill(15)
    command.finished(signal=15)
