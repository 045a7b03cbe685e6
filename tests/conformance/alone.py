"""What only a guest can get into: memory, files and descriptors that run out, children that are
left, requests in the middle of something."""

from containers import end, inside, staying
from exchange import exchange
from peer import WINDOW, Code

SMALL = "/tmp/small"
STAYS = "exec sleep 1000"


@exchange(alone=True)
def children_that_are_left_hold_the_stream(peer):
    for script in ("(sleep 3; echo late) & exit 4",
                   "setsid sh -c 'sleep 3; echo late' & exit 4"):
        command = peer.run(script, prints=b"late\n", status=4)
        _, payload = peer.event((Code.CMDFINISHED,), id=command.id)
        assert payload["stdout_bytes"] == 0, payload


@exchange(alone=True)
def orphans_are_reaped(peer):
    peer.run("for i in 1 2 3 4 5; do (sleep 0.1 & true & :) ; done")
    peer.run("until ! grep -qs '^State:.Z' /proc/[0-9]*/status; do sleep 0.1; done")


@exchange(alone=True)
def init_keeps_no_file_open(peer):
    counts = []
    for _ in range(2):
        counts.append(count_of_files(peer))
        peer.run("cat", fields={"cwd": "/tmp"})
        peer.start_in_vain(["/no/such"], typed=True)
        peer.run("true", terminal={"rows": 1, "columns": 1})
        peer.write("/tmp/x", b"x")
        peer.read("/tmp/x")
        peer.refuse(Code.READFILE, path="/no/such", stream=1)
        command = staying(peer)
        peer.run("true", fields=inside(command))
        end(peer, command)
        peer.start_in_vain(["/no/such"], code=Code.NEWCONTAINER,
                           fields={"container": peer.new_container(), "root": "/none"})
    assert counts[0] == counts[1] == count_of_files(peer), counts
    peer.run("rm /tmp/x")


def count_of_files(peer):
    command = peer.start("ls /proc/1/fd | wc -l")
    command.acknowledged()
    return int(peer.ended(command.out))


@exchange(alone=True)
def a_file_system_without_space(peer):
    peer.run(f"mkdir {SMALL}; mount -t tmpfs -o size=1m tmpfs {SMALL}; echo old >{SMALL}/file")
    stream = peer.new_input()
    request = peer.request(Code.WRITEFILE, path=f"{SMALL}/file", mode=0o600, stream=stream)
    peer.feed(stream, bytes(4 << 20), until=request)
    assert "space" in peer.refusal(request, Code.WRITEFILE)
    peer.end(stream)
    peer.run(f"ls -A {SMALL}; cat {SMALL}/file; umount {SMALL}; rmdir {SMALL}",
             prints=b"file\nold\n")


@exchange(alone=True)
def a_write_that_was_stopped_and_gets_too_much(peer):
    """It leaves nothing beside the file, although it cannot hear that it is to end."""
    stream = peer.new_input()
    request = peer.request(Code.WRITEFILE, path="/tmp/file", mode=0o600, stream=stream)
    peer.run("until ls /tmp/.duet-*; do sleep 0.1; done >/dev/null 2>&1")
    peer.ask(Code.KILLCONTAINER, target=request, signal=19)
    for _ in range(3 * WINDOW // 60000):
        peer.send_io(stream, bytes(60000))
    assert peer.unnamed_refusal(Code.NEXT)["stream"] == stream
    peer.refusal(request, Code.WRITEFILE)
    peer.end(stream)
    peer.run("ls -A /tmp")


@exchange(alone=True)
def a_guest_without_memory(peer):
    """The kernel ends the command that takes it all."""
    peer.run(["dd", "if=/dev/zero", "of=/dev/null", "bs=195M", "count=1"], signal=9)


@exchange(alone=True)
def more_files_on_their_way_than_descriptors(peer):
    """Those that there is none for are refused; the others come to their end."""
    def refusals():
        return {p["id"]: p["reason"] for c, p in peer.events if c == Code.ERROR}

    def settled():
        return True if len(refusals()) + len(peer.room) == len(streams) else None
    streams = {}
    for number in range(520):
        stream = peer.new_input()
        request = peer.request(Code.WRITEFILE, path=f"/tmp/{number}", mode=0o600, stream=stream)
        streams[request] = stream
    peer.wait("answers", settled)
    assert len(refusals()) > 0 and len(peer.room) > 200, len(peer.room)
    assert all("open files" in reason for reason in refusals().values()), refusals()
    peer.ping()
    for request, stream in streams.items():
        if stream in peer.room:
            peer.end(stream)
            peer.ack(request)
    count = len(peer.room)
    peer.run("ls /tmp | wc -l; rm /tmp/*", prints=b"%d\n" % count)


@exchange(alone=True)
def a_container_that_ends_among_requests(peer):
    """Each is answered once, and what was started is said to have ended."""
    container = staying(peer)
    commands = [peer.prepare(STAYS, fields=inside(container)) for _ in range(10)]
    for number, command in enumerate(commands):
        if number == 5:
            peer.request(Code.KILLCONTAINER, container=container.container, signal=9)
        command.ask()
    for command in commands:
        code, _ = peer.event((Code.ACK, Code.ERROR), id=command.id)
        if code == Code.ACK:
            peer.event((Code.CMDFINISHED,), id=command.id, signal=9)
            peer.ended(command.out)
    container.finished(signal=9)
    peer.ping()
    for command in commands:
        answers = [c for c, p in peer.events if p.get("id") == command.id]
        assert answers in ([Code.ACK, Code.CMDFINISHED], [Code.ERROR]), answers
    peer.remove(container)


@exchange(alone=True)
def two_restarts_at_once(peer):
    command = staying(peer)
    first = peer.restart(command.container)
    second = peer.restart(command.container)
    second.refused()
    command.finished(signal=15)
    first.seen(b"up\n")
    first.does.prints = b"up\n"
    end(peer, first)


@exchange(alone=True)
def a_container_that_is_still_being_started(peer):
    """All comes in one piece, and so before it runs."""
    command = peer.prepare("echo up; exec sleep 1000", code=Code.NEWCONTAINER,
                           fields={"container": peer.new_container(), "root": "/"})
    command.container = command.fields["container"]
    command.ask()
    streams = {"stdout": 1, "stderr": 2}
    requests = [(code, peer.request(code, container=command.container, **fields))
                for code, fields in ((Code.EXECCMD, {"name": "n", "argv": ["true"], **streams}),
                                     (Code.KILLCONTAINER, {"signal": 9}),
                                     (Code.REMOVECONTAINER, {}), (Code.RESTARTCONTAINER, streams))]
    for code, request in requests:
        peer.refusal(request, code)
    command.seen(b"up\n")
    command.does.prints = b"up\n"
    end(peer, command)


def ask_in_vain(peer, code):
    """`code` once more, and what would start something; each as (code, request). Nothing is waited
    for: all goes in one piece, and so comes before what runs is killed, a second later."""
    return [(code, peer.request(code, **fields))
            for code, fields in ((code, {}),
                                 (Code.EXECCMD, {"name": "n", "argv": ["true"], "stdout": 1,
                                                 "stderr": 2}),
                                 (Code.WRITEFILE, {"path": "/tmp/x", "mode": 0, "stream": 1}),
                                 (Code.SETUPROUTE, {"routes": []}))]


def all_are_refused(peer, asked):
    for code, request in asked:
        peer.refusal(request, code)


@exchange(alone=True)
def requests_while_everything_is_ended(peer):
    command = peer.start("trap '' TERM; echo up; exec sleep 1000", prints=b"up\n")
    command.seen(b"up\n")
    request = peer.request(Code.FINISHPOD)
    asked = ask_in_vain(peer, Code.FINISHPOD)
    ping = peer.request(Code.PING)
    all_are_refused(peer, asked)
    peer.ack(ping)
    command.finished(signal=9)
    peer.ack(request)


@exchange(alone=True, last=True)
def requests_while_the_machine_ends(peer):
    """A FINISHPOD that is under way is answered, too."""
    command = peer.start("trap '' TERM; echo up; exec sleep 1000", prints=b"up\n")
    command.seen(b"up\n")
    finish = peer.request(Code.FINISHPOD)
    destroy = peer.request(Code.DESTROYPOD)
    asked = ask_in_vain(peer, Code.DESTROYPOD)
    ping = peer.request(Code.PING)
    all_are_refused(peer, asked)
    peer.ack(ping)
    peer.refusal(finish, Code.FINISHPOD)
    command.finished(signal=9)
    peer.ack(destroy)
    peer.gone()
