"""Bytes on io: fairness, room, and what is no stream."""

from exchange import exchange
from peer import WINDOW, Code

FLOODS = "exec cat /dev/zero"
MUCH = 1 << 30  # bytes


def flood(peer, count):
    """Commands that print without an end, on streams that may have it all."""
    commands = []
    peer.reads_io = False
    for _ in range(count):
        command = peer.start(FLOODS, zeros=MUCH)
        peer.streams[command.out].counted = False
        peer.grant(command.out, MUCH)
        commands.append(command)
    for command in commands:
        command.acknowledged()
    peer.reads_io = True
    return commands


def end(commands):
    for command in commands:
        command.kill(9)
    for command in commands:
        command.finished(signal=9)


@exchange()
def a_hundred_streams_are_fair(peer):
    """Once all have begun, each gets its share of a fixed number of bytes."""
    share = 128 << 10
    commands = flood(peer, 100)
    streams = [peer.streams[command.out] for command in commands]
    peer.wait("first bytes", lambda: True if all(stream.data for stream in streams) else None)
    before = [len(stream.data) for stream in streams]
    most = sum(before) + 100 * share
    peer.wait("bytes", lambda: True if sum(len(s.data) for s in streams) >= most else None)
    counts = sorted(len(stream.data) - n for stream, n in zip(streams, before))
    assert counts[0] >= share / 2 and counts[-1] <= 2 * share, counts
    end(commands)


@exchange()
def a_stream_that_nobody_reads_blocks_none(peer):
    held = peer.start(FLOODS, zeros=MUCH)
    peer.streams[held.out].held = True
    peer.streams[held.out].counted = False
    peer.wait("window", lambda: True if len(peer.streams[held.out].data) == WINDOW else None)
    peer.run("head -c 3000000 /dev/zero", zeros=3000000)
    echo = peer.start("cat", typed=True, echoes=True)
    echo.acknowledged()
    echo.type(b"y" * 500000)
    echo.close()
    echo.finished()
    assert len(peer.streams[held.out].data) == WINDOW
    held.kill(9)
    peer.release(held.out)
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
                         "while :; do sleep 0.1; done", typed=True, prints=b"up\n", stays=True)
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
