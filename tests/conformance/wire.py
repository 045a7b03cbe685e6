"""The words of docs/control-channel.md, and what is known of commands and streams."""

import dataclasses
import enum
import hashlib

CTL_HEADER, CTL_MAX = 8, 1 << 20
IO_HEADER, IO_MAX = 12, 1 << 16
WINDOW = 1 << 18
ID_MAX = 1 << 53


class Code(enum.IntEnum):
    VERSION, STARTPOD = 0, 1
    DESTROYPOD, RESTARTCONTAINER, EXECCMD, CMDFINISHED, READY, ACK, ERROR = range(4, 11)
    (WINSIZE, PING, FINISHPOD, NEXT, WRITEFILE, READFILE, NEWCONTAINER, KILLCONTAINER, ONLINECPUMEM,
     SETUPINTERFACE, SETUPROUTE, REMOVECONTAINER) = range(11, 23)
    CMDREADY, FAILED, SETLINK, LINKSTATE, CLOSELINK = range(64, 69)


@dataclasses.dataclass
class Does:
    """What a command does, as a guest shows and a mock is told beforehand."""
    prints: bytes = b""
    errors: bytes = b""
    zeros: int = 0  # so many bytes of them come after `prints`
    echoes: bool = False  # then what its standard input has, until that ends
    stays: bool = False  # then it goes on until it is ended
    stubborn: bool = False  # by SIGKILL
    status: int = 0
    signal: int = 0


@dataclasses.dataclass
class Stream:
    """One from the peer."""
    counted: bool = True  # False: how much comes is up to chance
    held: bool = False  # nothing is taken from it
    data: bytearray = dataclasses.field(default_factory=bytearray)
    untold: int = 0  # bytes that were taken and not given back as room
    ended: bool = False
    status: object = None

    def note(self):
        long = len(self.data) > 256
        content = hashlib.sha256(self.data).hexdigest() if long else bytes(self.data)
        return {"bytes": (len(self.data), content) if self.counted else "some",
                "ended": self.ended, "status": self.status}
