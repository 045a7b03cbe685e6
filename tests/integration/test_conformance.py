"""The agent of a guest does what docs/control-channel.md says, and so does the mock agent: both are
taken through the same exchanges, and what they answer is compared."""

import pathlib
import sys
import unittest

import duet

sys.path.insert(0, str(duet.ROOT / "tests" / "conformance"))
import booting  # noqa: E402
import node  # noqa: E402,F401
import commands  # noqa: E402,F401
import terminals  # noqa: E402,F401
import files  # noqa: E402,F401
import streams  # noqa: E402,F401
import containers  # noqa: E402,F401
import errors  # noqa: E402,F401
import ending  # noqa: E402,F401
import exchange  # noqa: E402
import guest  # noqa: E402


def carry_out(peer, one):
    """An exchange, after which the peer must still be there; the transcript."""
    peer.begin()
    try:
        one(peer)
        if one is not ending.destroypod:
            peer.ping()
    except BaseException:
        peer.forgive()
        raise
    return peer.transcript()


class Machine(unittest.TestCase):
    NAME = None

    @classmethod
    def setUpClass(cls):
        cls.guest = guest.Guest(guest.image(), exchange.MACHINES[cls.NAME])
        cls.addClassCleanup(cls.guest.close)

    def compare(self, one):
        carry_out(self.guest, one)


def machine(name):
    def method(one):
        test = lambda self: self.compare(one)
        test.__doc__ = one.__doc__
        return test
    members = {f"test_{number:03}_{one.__name__}": method(one)
               for number, one in enumerate(exchange.ALL[name])}
    return type(name.capitalize(), (Machine,), {"NAME": name, **members})


Node, Bare, Foreign = map(machine, exchange.MACHINES)
del Machine

if __name__ == "__main__":
    unittest.main()
