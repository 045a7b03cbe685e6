"""The host's end of a node's two ports, frame by frame: what base/wire.h and vm/control.c do for
duet is done again here, so that it is the peer that is tested.

A Peer notes all that comes. Its transcript leaves out what two agents may do differently (times,
the sizes of pieces, the kernel's release, the wording of reasons) and nothing else.
"""

import json
import select
import struct
import time

from command import Command
from wire import CTL_HEADER, CTL_MAX, IO_HEADER, IO_MAX, WINDOW, Code, Does, Stream

LIMIT_S = 60  # for anything to come; far above what it takes
GRANT = IO_MAX  # bytes: room is given back in steps as large

# Of a payload: what stands for a value that differs from one agent or run to the next.
VARIABLE = {"clock_ns": "time", "busy_ns": "time", "uptime_ms": "time", "duration_ms": "time", "after_ms": "time",
            "kernel": "release", "tick_device": "device", "tick_hz": "rate", "reason": "reason", "cpus": "count",
            "memory_blocks": "count"}


class Closed(Exception):
    """The peer has closed a port."""


class Peer:
    def __init__(self, name, ctl, io):
        self.name, self.ctl, self.io = name, ctl, io
        self.input = {ctl: b"", io: b""}
        self.output = {ctl: bytearray(), io: bytearray()}
        self.reads_io = True
        self.commands = {}  # by id
        self.streams = {}
        self.forgiven = set()  # streams of exchanges that failed
        for port in (ctl, io):
            port.setblocking(False)
        self.begin(0)

    def close(self):
        self.ctl.close()
        self.io.close()

    def tell(self, does):
        """Tells a mock what the next command does; a guest will do it."""

    def tell_now(self, command, prints, status, signal):
        """Tells a mock what a command that runs does now."""

    def will_refuse(self, code, reason="it cannot be done"):
        """Tells a mock that the next request with this code cannot be carried out."""

    def forgive(self):
        """Whatever still comes of the exchange that failed."""
        self.forgiven |= self.streams.keys()
        self.reads_io = True

    def begin(self, number):
        """A new transcript. Ids, streams and names follow from its number: what went wrong in one
        exchange is not seen in the next."""
        self.number = number
        self.last_id = self.last_stream = number * 10000
        self.container_count = 0
        self.events = []  # of ctl, (code, payload), in order
        self.streams = {}  # from the peer
        self.room = {}  # on those to it
        self.errors_taken = 0

    # -- Frames -----------------------------------------------------------------------------------

    def send(self, code, payload, length=None):
        """Queues a frame, which goes with the next wait. `payload`: an object, or bytes that are
        sent as they are; `length` lies about them."""
        if not isinstance(payload, bytes):
            payload = json.dumps(payload).encode()
        length = CTL_HEADER + len(payload) if length is None else length
        self.output[self.ctl] += struct.pack(">II", code, length) + payload

    def send_io(self, stream, data, length=None):
        length = IO_HEADER + len(data) if length is None else length
        self.output[self.io] += struct.pack(">QI", stream, length) + data

    def pump(self, wait_s):
        """Writes what goes, reads what is there."""
        reading = [self.ctl] + [self.io] * self.reads_io
        writing = [port for port in (self.ctl, self.io) if self.output[port]]
        readable, writable, _ = select.select(reading, writing, [], wait_s)
        for port in writable:
            del self.output[port][:port.send(self.output[port])]
        pieces = {port: port.recv(1 << 20) for port in readable}
        for port, piece in pieces.items():
            self.input[port] += piece
        if self.ctl in readable:
            self.take_ctl()
        if self.io in readable:
            self.take_io()
        if not all(pieces.values()):
            raise Closed(f"{self.name} has closed a port")
        return bool(readable or writable)

    def take_ctl(self):
        data = self.input[self.ctl]
        while len(data) >= CTL_HEADER:
            code, length = struct.unpack(">II", data[:CTL_HEADER])
            assert CTL_HEADER <= length <= CTL_MAX, f"ctl: a frame of {length} bytes"
            if len(data) < length:
                break
            self.heard(Code(code), json.loads(data[CTL_HEADER:length]))
            data = data[length:]
        self.input[self.ctl] = data

    def heard(self, code, payload):
        self.events.append((code, payload))
        if code == Code.NEXT:
            self.room[payload["stream"]] = self.room.get(payload["stream"], 0) + payload["bytes"]

    def take_io(self):
        data, at = self.input[self.io], 0
        while len(data) - at >= IO_HEADER:
            number, length = struct.unpack_from(">QI", data, at)
            assert IO_HEADER <= length <= IO_MAX, f"io: a frame of {length} bytes"
            if len(data) - at < length:
                break
            at += length
            self.input[self.io] = data[at:]
            if number not in self.forgiven:
                self.take_piece(number, data[at - length + IO_HEADER:at])

    def take_piece(self, number, piece):
        assert number in self.streams, f"io: stream {number} is nobody's"
        stream = self.streams[number]
        if stream.ended:
            assert len(piece) == 1 and stream.status is None, f"io: stream {number} has ended"
            stream.status = piece[0]
        elif not piece:
            stream.ended = True
        else:
            stream.data += piece
            stream.untold += len(piece)
            assert not stream.held or len(stream.data) <= WINDOW, f"io: no room on {number}"
        if stream.untold >= GRANT and not stream.held and not stream.ended:
            self.grant(number, stream.untold)
            stream.untold = 0

    # -- Waiting ----------------------------------------------------------------------------------

    def wait(self, what, find):
        """Until find() returns something; that."""
        deadline = time.monotonic() + LIMIT_S
        while (found := find()) is None:
            left = deadline - time.monotonic()
            assert left > 0, f"{self.name}: no {what} within {LIMIT_S} s; {self.transcript()}"
            try:
                self.pump(left)
            except Closed:  # what is waited for may have come before that
                if (found := find()) is None:
                    raise
                break
        return found

    def event(self, codes, **fields):
        """The first event that has these fields."""
        def find():
            for code, payload in self.events:
                if code in codes and all(payload.get(k) == v for k, v in fields.items()):
                    return code, payload
            return None
        return self.wait(f"{[code.name for code in codes]} {fields}", find)

    def ack(self, request):
        """The acknowledgement of a request."""
        code, payload = self.event((Code.ACK, Code.ERROR), id=request)
        assert code == Code.ACK, f"{self.name} refused {request}: {payload}"
        return payload

    def refusal(self, request, code):
        """The reason of the ERROR that a request got."""
        got, payload = self.event((Code.ACK, Code.ERROR), id=request)
        assert got == Code.ERROR, f"{self.name} acknowledged {request}: {payload}"
        return self.check_refusal(payload, code)

    def check_refusal(self, payload, code):
        assert payload["code"] == code and payload["reason"], payload
        assert len(payload["reason"]) < 1000, payload
        return payload["reason"]

    def unnamed_refusal(self, code):
        """The next ERROR without an id; its payload."""
        def find():
            zero = [p for c, p in self.events if c == Code.ERROR and p["id"] == 0]
            return zero[self.errors_taken] if len(zero) > self.errors_taken else None
        payload = self.wait("ERROR without an id", find)
        self.errors_taken += 1
        self.check_refusal(payload, code)
        return payload

    # -- Requests ---------------------------------------------------------------------------------

    def new_id(self):
        self.last_id += 1
        return self.last_id

    def new_stream(self):
        """From the peer."""
        self.last_stream += 1
        self.streams[self.last_stream] = Stream()
        return self.last_stream

    def new_input(self):
        self.last_stream += 1
        return self.last_stream

    def new_container(self):
        self.container_count += 1
        return f"c{self.number}-{self.container_count}"

    def request(self, code, **fields):
        request = self.new_id()
        self.send(code, {"id": request, **fields})
        return request

    def ask(self, code, **fields):
        """A request that is acknowledged; the acknowledgement."""
        return self.ack(self.request(code, **fields))

    def refuse(self, code, **fields):
        """A request that is an ERROR; its reason."""
        return self.refusal(self.request(code, **fields), code)

    def ping(self):
        pong = self.ask(Code.PING)
        assert isinstance(pong["clock_ns"], int) and isinstance(pong["busy_ns"], int)

    def grant(self, stream, count):
        self.send(Code.NEXT, {"stream": stream, "bytes": count})

    def release(self, number, room):
        """Goes on taking from a stream that was held."""
        stream = self.streams[number]
        stream.held, stream.untold = False, 0
        self.grant(number, room)

    def feed(self, stream, data, until=None):
        """Sends bytes as there is room for them, or until a request is answered."""
        def answered():
            return any(payload.get("id") == until for _, payload in self.events)
        at = 0
        while at < len(data) and not (until and answered()):
            room = self.wait("room", lambda: self.room.get(stream) or (
                0 if until and answered() else None))
            piece = data[at:at + min(room, IO_MAX - IO_HEADER)]
            self.room[stream] -= len(piece)
            self.send_io(stream, piece)
            at += len(piece)

    def end(self, stream):
        self.send_io(stream, b"")

    def ended(self, number, status=True):
        """Until a stream from the peer is over; what came on it."""
        stream = self.streams[number]
        self.wait(f"end of stream {number}", lambda: True if stream.ended and (
            stream.status is not None or not status) else None)
        return bytes(stream.data)

    # -- Commands ---------------------------------------------------------------------------------

    def start(self, argv, code=Code.EXECCMD, typed=False, terminal=None, fields=None, **does):
        """Asks for a command, or for a container with one; a string is for the shell."""
        command = self.prepare(argv, code, typed, terminal, fields, **does)
        command.ask()
        return command

    def start_in_vain(self, argv, code=Code.EXECCMD, typed=False, fields=None, word="cannot"):
        """A command that cannot be started, for a reason that has this word."""
        command = self.prepare(argv, code, typed, fields=fields, told=False)
        self.will_refuse(code, f"cannot run {word}")
        command.ask()
        reason = command.refused()
        assert word in reason, reason
        return command

    def prepare(self, argv, code=Code.EXECCMD, typed=False, terminal=None, fields=None, told=True,
                **does):
        """A command that is still to be asked for; the peer knows what it will do."""
        command = Command(self, code, Does(**does), told)
        argv = ["sh", "-c", argv] if isinstance(argv, str) else argv
        command.fields = {"name": "command", "argv": argv,
                          **command.open_streams(typed, terminal), **(fields or {})}
        return command

    def run(self, argv, **more):
        """A command from its request to the end of its streams."""
        command = self.start(argv, **more)
        command.acknowledged()
        command.finished()
        return command

    def contain(self, argv, root, **more):
        """A container; its command."""
        fields = {"container": self.new_container(), "root": root, **(more.pop("fields", {}))}
        command = self.start(argv, code=Code.NEWCONTAINER, fields=fields, **more)
        command.container = fields["container"]
        command.acknowledged()
        return command

    def restart(self, container, typed=False, **does):
        """RESTARTCONTAINER; the command."""
        command = Command(self, Code.RESTARTCONTAINER, Does(**does))
        command.container = container
        command.fields = {"container": container, **command.open_streams(typed, None)}
        command.ask()
        return command

    def only_once(self, stream):
        """Another ERROR may have come for it, or not: that is up to chance."""
        self.ping()
        found = [e for e in self.events if e[0] == Code.ERROR and e[1].get("stream") == stream]
        self.errors_taken -= 1
        for event in found:
            self.events.remove(event)

    def forget_room(self, stream):
        """Whether there was any before the request was refused is up to chance."""
        self.ping()
        self.events = [(c, p) for c, p in self.events if p.get("stream") != stream]

    def gone(self):
        """Until both ports are closed, with not a byte more."""
        count = len(self.events)
        try:
            while True:
                assert self.pump(LIMIT_S), f"{self.name} is still there"
        except Closed:
            assert len(self.events) == count, self.events[count:]

    def forget(self, request):
        """Its id is asked for again."""
        self.events = [(c, p) for c, p in self.events if p.get("id") != request]

    def reuse(self, command):
        """The next streams have the numbers of this command, which is over."""
        self.last_stream = command.input - 1
        self.room.pop(command.input, None)

    def remove(self, command):
        self.ask(Code.REMOVECONTAINER, container=command.container)

    def write(self, path, content, mode=0o644, **fields):
        """WRITEFILE, to its acknowledgement."""
        stream = self.new_input()
        request = self.request(Code.WRITEFILE, path=path, mode=mode, stream=stream, **fields)
        self.feed(stream, content)
        self.end(stream)
        self.ack(request)

    def read(self, path, **fields):
        """READFILE; the content and the mode."""
        stream = self.new_stream()
        request = self.request(Code.READFILE, path=path, stream=stream, **fields)
        content = self.ended(stream, status=False)
        payload = self.ack(request)
        assert payload["size"] == len(content), payload
        return content, payload["mode"]

    # -- Transcripts ------------------------------------------------------------------------------

    def transcript(self):
        """What came, so that it can be compared. The two ports, and what different requests are
        answered, are in no order to each other."""
        answers = {}
        for code, payload in self.events:
            note = {key: VARIABLE.get(key, value) for key, value in payload.items()}
            if code == Code.NEXT:
                note["bytes"] = "some"
            if code == Code.CMDFINISHED:
                self.hide_counts(payload["id"], note)
            key = payload.get("id") or f"stream {payload.get('stream', 0)}"
            notes = answers.setdefault(key, [])
            if code != Code.NEXT or (code.name, note) not in notes:
                notes.append((code.name, note))
        return {"answers": answers,
                "streams": {number: stream.note() for number, stream in self.streams.items()}}

    def hide_counts(self, request, note):
        command = self.commands.get(request)
        for key, number in (("stdout", command.out), ("stderr", command.err)) if command else ():
            if number in self.streams and not self.streams[number].counted:
                note[f"{key}_bytes"] = "some"
