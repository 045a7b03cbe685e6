"""WRITEFILE and READFILE in the node."""

import hashlib

from exchange import exchange
from peer import WINDOW, Code

MANY = bytes(range(256)) * (20 << 10)  # 5 MiB


@exchange()
def many_bytes_there_and_back(peer):
    peer.write("/tmp/many", MANY, mode=0o640)
    peer.run("sha256sum </tmp/many; stat -c %a /tmp/many",
             prints=hashlib.sha256(MANY).hexdigest().encode() + b"  -\n640\n")
    assert peer.read("/tmp/many") == (MANY, 0o640)


@exchange()
def the_new_one_takes_the_place_of_the_old(peer):
    for content, mode in ((b"", 0), (b"one", 0o600), (b"two", 0o4755)):
        peer.write("/tmp/many", content, mode=mode)
        assert peer.read("/tmp/many") == (content, mode)
    peer.run("ls -A /tmp", prints=b"many\n")


def begin(peer, path="/tmp/many", **more):
    """A WRITEFILE of which a part has come."""
    stream = peer.new_input()
    request = peer.request(Code.WRITEFILE, path=path, mode=0o644, stream=stream, **more)
    peer.feed(stream, MANY[:300000])
    return request, stream


@exchange()
def killed_in_the_middle(peer):
    for number in (15, 9):
        request, stream = begin(peer)
        peer.ask(Code.KILLCONTAINER, target=request, signal=number)
        peer.refusal(request, Code.WRITEFILE)
        peer.end(stream)
        assert peer.read("/tmp/many") == (b"two", 0o4755)
        peer.refuse(Code.KILLCONTAINER, target=request, signal=number)
    peer.run("ls -A /tmp", prints=b"many\n")


@exchange(alone=True)
def killed_from_outside(peer):
    """By the kernel for want of memory, perhaps: it can remove nothing itself."""
    request, stream = begin(peer)
    peer.run("for p in $(pidof init); do [ $p = 1 ] || kill -9 $p; done")
    assert "signal 9" in peer.refusal(request, Code.WRITEFILE)
    peer.end(stream)
    peer.run("while ls -A /tmp | grep duet; do sleep 0.1; done >/dev/null; ls -A /tmp",
             prints=b"many\n")


@exchange()
def others_see_the_old_one_until_the_end(peer):
    request, stream = begin(peer)
    assert peer.read("/tmp/many") == (b"two", 0o4755)
    peer.end(stream)
    peer.ack(request)
    assert peer.read("/tmp/many") == (MANY[:300000], 0o644)


@exchange()
def a_reader_that_takes_its_time(peer):
    peer.write("/tmp/many", MANY)
    stream = peer.new_stream()
    peer.streams[stream].held = True
    request = peer.request(Code.READFILE, path="/tmp/many", stream=stream)
    peer.wait("window", lambda: True if len(peer.streams[stream].data) == WINDOW else None)
    peer.ping()
    peer.release(stream, WINDOW)
    assert peer.ended(stream, status=False) == MANY
    assert peer.ack(request)["size"] == len(MANY)


@exchange()
def a_read_that_is_ended(peer):
    stream = peer.new_stream()
    peer.streams[stream].held = True
    request = peer.request(Code.READFILE, path="/tmp/many", stream=stream)
    peer.wait("window", lambda: True if len(peer.streams[stream].data) == WINDOW else None)
    peer.ask(Code.KILLCONTAINER, target=request, signal=15)
    peer.refusal(request, Code.READFILE)
    peer.ended(stream, status=False)
    peer.run("rm /tmp/many")


@exchange()
def files_that_cannot_be_read(peer):
    for path in ("/no/such", "/tmp"):
        peer.will_refuse(Code.READFILE)
        peer.refuse(Code.READFILE, path=path, stream=881)
    for wrong in ({"path": "tmp/x"}, {"path": ""}, {"path": 1}, {"stream": 0}, {"stream": "1"},
                  {"container": "nobody"}, {"mode": 1}):
        peer.refuse(Code.READFILE, **{"path": "/etc/passwd", "stream": 881, **wrong})


@exchange()
def files_that_cannot_be_written(peer):
    for wrong in ({"path": "tmp/x"}, {"mode": -1}, {"mode": 4096}, {"mode": "644"}, {"stream": 0},
                  {"container": "nobody"}, {"size": 1}):
        peer.refuse(Code.WRITEFILE, **{"path": "/tmp/x", "mode": 0, "stream": 881, **wrong})
    for path in ("/no/such", "/tmp", "/proc/x"):
        peer.will_refuse(Code.WRITEFILE)
        stream = peer.new_input()
        request = peer.request(Code.WRITEFILE, path=path, mode=0, stream=stream)
        peer.refusal(request, Code.WRITEFILE)
        if peer.room.get(stream):
            peer.end(stream)
        peer.forget_room(stream)
    peer.run("ls -A /tmp")
