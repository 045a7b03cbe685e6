"""The agent of a guest does what docs/control-channel.md says, and so does the mock agent: both are
taken through the same exchanges, and what they answer is compared."""

import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "conformance"))
# Exchanges are carried out in the order in which they are read here.
import booting
import node
import commands
import terminals
import files
import streams
import containers
import errors
import ending
import alone
import exchange
import guest
import mock
from peer import Code


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
        with_guest = exchange.carry_out(number, one, self.guest)
        if not one.alone:
            self.assertEqual(with_guest, exchange.carry_out(number, one, self.mock))


def machine(name):
    def method(number, one):
        def test(self):
            self.compare(number, one)
        return test
    members = {f"test_{number:03}_{one.__name__}": method(number, one)
               for number, one in enumerate(exchange.ALL[name], 1)}
    return type(name.capitalize(), (Machine,), {"NAME": name, **members})


class Comparison(unittest.TestCase):
    """Whether transcripts tell apart what is to be told apart."""

    def transcript(self, one):
        talker = mock.Mock()
        self.addCleanup(talker.close)
        one(talker)
        return talker.transcript()

    def command(self, **does):
        """Of a command that nothing is asserted of."""
        def one(talker):
            talker.ask(Code.STARTPOD, **booting.POD)
            command = talker.start("true", **does)
            talker.event((Code.CMDFINISHED,), id=command.id)
            talker.ended(command.out)
            talker.ended(command.err, status=False)
        return self.transcript(one)

    def test_the_same(self):
        does = {"prints": b"out", "errors": b"err", "zeros": 300000, "status": 3}
        self.assertEqual(self.command(**does), self.command(**does))

    def test_another_command(self):
        seen = [self.command(**does) for does in (
            {}, {"status": 3}, {"status": 143}, {"signal": 15}, {"prints": b"a"}, {"prints": b"b"},
            {"errors": b"a"}, {"zeros": 300000}, {"zeros": 300001})]
        for number, transcript in enumerate(seen):
            self.assertNotIn(transcript, seen[:number])

    def test_a_refusal(self):
        def one(talker):
            talker.event((Code.ACK, Code.ERROR), id=talker.request(Code.ONLINECPUMEM))

        def refused(talker):
            talker.will_refuse(Code.ONLINECPUMEM)
            one(talker)
        self.assertNotEqual(self.transcript(one), self.transcript(refused))


Node, Bare, Foreign, Waiting = map(machine, exchange.MACHINES)
del Machine

if __name__ == "__main__":
    unittest.main()
