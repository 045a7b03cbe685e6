"""The agent of a guest does what docs/control-channel.md says, and so does the mock agent: both are
taken through the same exchanges, and what they answer is compared."""

import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "conformance"))
# Exchanges are carried out in the order in which they are read here.
import booting  # noqa: E402,F401
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
import mock  # noqa: E402


class Machine(unittest.TestCase):
    """One guest and one mock, and the exchanges with them in order."""

    NAME = None
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        cls.guest = guest.Guest(guest.image(), exchange.MACHINES[cls.NAME])
        cls.addClassCleanup(cls.guest.close)
        cls.mock = mock.Mock()
        cls.addClassCleanup(cls.mock.close)

    def compare(self, number, one):
        with_guest, with_mock = (exchange.carry_out(number, one, peer)
                                 for peer in (self.guest, self.mock))
        self.assertEqual(with_guest, with_mock)


def machine(name):
    def method(number, one):
        def test(self):
            self.compare(number, one)
        return test
    members = {f"test_{number:03}_{one.__name__}": method(number, one)
               for number, one in enumerate(exchange.ALL[name], 1)}
    return type(name.capitalize(), (Machine,), {"NAME": name, **members})


Node, Bare, Foreign = map(machine, exchange.MACHINES)
del Machine

if __name__ == "__main__":
    unittest.main()
