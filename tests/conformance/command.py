"""A command that was asked for, from its request to the end of its streams."""

from wire import Code


class Command:
    """One that was asked for."""

    def __init__(self, peer, code, does, told=True):
        self.peer, self.code, self.does = peer, code, does
        if told:
            peer.tell(does)
        self.id = self.container = None
        self.closed = False  # its standard input, by the host

    def open_streams(self, typed, terminal):
        """The fields for them."""
        peer = self.peer
        self.input = peer.new_input() if typed or terminal else None
        self.out = peer.new_stream()
        self.err = None if terminal else peer.new_stream()
        fields = {"stdin": self.input, "stdout": self.out, "stderr": self.err}
        fields = {key: value for key, value in fields.items() if value}
        return {**fields, "terminal": terminal} if terminal else fields

    def ask(self):
        self.id = self.peer.request(self.code, **self.fields)
        self.peer.commands[self.id] = self

    @property
    def output(self):
        return bytes(self.peer.streams[self.out].data)

    def acknowledged(self):
        return self.peer.ack(self.id)

    def refused(self):
        """Its streams are not there then."""
        for stream in (self.out, self.err):
            self.peer.streams.pop(stream, None)
        return self.peer.refusal(self.id, self.code)

    def type(self, data):
        self.peer.feed(self.input, data)

    def close(self):
        self.closed = True
        self.peer.end(self.input)

    def seen(self, pattern):
        """Until the bytes stand in its standard output."""
        self.peer.wait(f"{pattern} in the output", lambda: True if pattern in self.output else None)

    def ready(self):
        return self.peer.event((Code.CMDREADY,), id=self.id)

    def now(self, prints=b"", status=None, signal=0):
        """What it does now, for a reason that only a guest has; see Does."""
        self.peer.tell_now(self, prints, status, signal)
        self.does.prints += prints
        self.does.status, self.does.signal = status or 0, signal

    def kill(self, number, **fields):
        self.peer.ask(Code.KILLCONTAINER, signal=number, **(fields or {"target": self.id}))

    def finished(self, status=None, signal=None, timed_out=False):
        """Until all is over; checks that it ended so, by default as it was to do."""
        does, peer = self.does, self.peer
        signal = does.signal if signal is None else signal
        status = 128 + signal if signal else does.status if status is None else status
        _, payload = peer.event((Code.CMDFINISHED,), id=self.id)
        got = (payload["status"], payload["signal"], payload["timed_out"])
        assert got == (status, signal, timed_out), f"{peer.name}: {payload}; {self.shown()}"
        out = peer.ended(self.out)
        err = peer.ended(self.err, status=False) if self.err else b""
        assert peer.streams[self.out].status == status, f"{peer.name}: {peer.streams[self.out]}"
        if self.input and not self.closed:
            self.close()
        if not peer.streams[self.out].counted:
            return payload
        assert payload["stdout_bytes"] <= len(out) and payload["stderr_bytes"] <= len(err), payload
        if not does.echoes:
            wanted = does.prints + bytes(does.zeros)
            assert out == wanted, f"{peer.name}: {out[:2000]} is not {wanted[:2000]}"
        assert err == does.errors, f"{peer.name}: {err} is not {does.errors}"
        return payload

    def shown(self):
        err = bytes(self.peer.streams[self.err].data) if self.err else b""
        return f"printed {self.output[-500:]} and {err[-500:]}"
