"""Links that are changed while their case runs: `duet impair`, `duet link`, and by steps."""

import json
import unittest

import duet
import kept

ONCE = "! ping -c 1 -W 1 {}"  # it waits so long for an answer that does not come, however slow all is
UNTIL = "until ping -c 1 -W 5 {}; do :; done"


class Kept(kept.Kept):
    """A link `bad` that somebody carries, and one that nobody does."""

    CARRIER = None
    FIRST = ("mtu", "1400")  # in force when a test begins

    @classmethod
    def setUpClass(cls):
        if cls.CARRIER is None:
            raise unittest.SkipTest("what has no carrier")
        cls.SUITE = """
            nodes: {a: {run: "true"}, b: }
            links:
              - {name: bad, nodes: [a, b], subnet: 10.0.0.0/24, carrier: %s, impair: {%s: %s}}
              - {name: plain, nodes: [a, b], subnet: 10.0.1.0/24}
            """ % (cls.CARRIER, *cls.FIRST)
        super().setUpClass()

    def setUp(self):
        name, text = self.FIRST
        self.duet("impair", "bad", "--clear", f"--{name}", text)

    def duet(self, *arguments):
        return self.expect(self.run_duet(*arguments), 0).stdout.decode()

    def link(self, name):
        found = json.loads(self.duet("link", name, "--json"))
        self.assertEqual([link["name"] for link in found], [name])
        return found[0]

    def settings(self):
        return [way["impair"] for way in self.link("bad")["directions"]]


class Live:
    def test_loss_stops_what_goes_on_and_clear_lets_it(self):
        before = self.link("bad")["directions"][0]
        said = self.duet("impair", "kept", "bad", "--loss", "100%")
        self.assertRegex(said, r"^bad is changed, from packet \d+ of a and packet \d+ of b on$")
        self.assertEqual(self.settings(), [{"mtu": "1400", "loss": "100%"}] * 2)
        self.sh("a", ONCE.format("10.0.0.2"))
        after = self.link("bad")["directions"][0]
        self.assertGreater(after["packets_in"], before["packets_in"])
        self.assertEqual(after["packets_out"], before["packets_out"])
        self.assertGreater(after["causes"]["loss"], before["causes"].get("loss", 0))
        self.duet("impair", "bad", "--clear")
        self.assertEqual(self.settings(), [{}, {}])
        self.sh("a", UNTIL.format("10.0.0.2"))

    def test_down_and_up(self):
        self.duet("link", "bad", "down")
        self.assertEqual(self.link("bad")["state"], "down")
        self.assertRegex(self.duet("link", "kept"), rf"kept/\S+ +bad +down +{self.CARRIER} ")
        self.sh("a", ONCE.format("10.0.0.2"))
        self.sh("a", UNTIL.format("10.0.1.2"))
        said = self.duet("link", "kept", "bad", "up")
        self.assertRegex(said, "^bad is up, from packet ")
        self.assertEqual(self.link("bad")["state"], "up")
        self.assertEqual(self.settings(), [{"mtu": "1400"}] * 2)
        self.sh("a", UNTIL.format("10.0.0.2"))

    def test_one_direction_alone(self):
        self.assertRegex(self.duet("impair", "bad", "--from", "b", "--delay=20ms", "--jitter", "5ms"),
                         r"^bad is changed, from packet \d+ of b on$")
        self.assertEqual(self.duet("impair", "bad"),
                         "a to b: mtu 1400\nb to a: mtu 1400, delay 20ms, jitter 5ms\n")
        self.assertEqual(self.duet("impair", "bad", "--from", "a"), "a to b: mtu 1400\n")

    def test_what_cannot_be_changes_nothing(self):
        run = self.expect(self.run_duet("impair", "bad", "--jitter", "5ms", "--loss", "1%"), 3)
        self.assertIn(b"link bad: ", run.stderr)
        self.assertIn(b"jitter: found 5000000 ns, expected at most delay", run.stderr)
        self.assertEqual(self.settings(), [{"mtu": "1400"}] * 2)


class OnTheHost(Live, Kept):
    CARRIER = "host"

    def test_a_direct_link_says_what_to_do(self):
        run = self.expect(self.run_duet("impair", "plain", "--loss", "1%"), 3)
        self.assertRegex(run.stderr.decode(), "^duet: link plain: .* write `impair: {}` or "
                         "`carrier: guest` on the link")
        self.expect(self.run_duet("impair", "plain"), 2, "joined directly")
        link = self.link("plain")
        self.assertEqual((link["carrier"], link["directions"]), ("direct", []))

    def test_words_that_mean_nothing(self):
        for words, message in [
                (("impair",), "has several links; name one: bad, plain"),
                (("impair", "bed", "--loss", "1%"), 'has no link "bed", but bad, plain'),
                (("link", "kept", "bed", "down"), 'has no link "bed", but bad, plain'),
                (("link", "bad", "sideways"), 'no case "bad" is kept up'),
                (("impair", "bad", "--los", "1%"), 'no setting "los"; did you mean "loss"'),
                (("impair", "bad", "--loss"), "--loss has no value: as in --loss 0.5%"),
                (("impair", "bad", "--loss", "120%"), 'loss: "120%" is more than 100%')]:
            with self.subTest(words=words):
                self.expect(self.run_duet(*words), 2, message)
        self.expect(self.run_duet("impair", "bad", "--from", "c", "--loss", "1%"), 3,
                    'link bad: "c" is at neither end of it')

    def test_a_change_as_json(self):
        answer = json.loads(self.duet("impair", "--json", "bad", "--from", "a", "--down"))
        packet = answer.pop("packets")
        self.assertEqual(answer, {"link": "bad", "nodes": ["a", "b"]})
        self.assertEqual((type(packet[0]), packet[1]), (int, None))
        self.assertEqual(self.link("bad")["state"], "one way")


class InAGuest(Live, Kept):
    CARRIER = "guest"


class ByNetem(Kept):
    CARRIER = "netem"
    FIRST = ("delay", "1ms")  # it has no MTU

    def test_loss_stops_what_goes_on_and_clear_lets_it(self):
        self.duet("impair", "bad", "--loss", "100%")
        self.assertEqual(self.settings(), [{"delay": "1ms", "loss": "100%"}] * 2)
        before = self.link("bad")["directions"][0]["causes"].get("dropped", 0)
        self.sh("a", ONCE.format("10.0.0.2"))
        self.assertGreater(self.link("bad")["directions"][0]["causes"]["dropped"], before)
        self.duet("impair", "bad", "--clear")
        self.assertEqual(self.settings(), [{}, {}])
        self.sh("a", UNTIL.format("10.0.0.2"))

    def test_each_node_has_its_own_direction(self):
        said = self.duet("impair", "bad", "--from", "b", "--loss", "100%")
        self.assertRegex(said, r"^bad is changed, from packet \d+ of b on$")
        self.assertEqual(self.settings(), [{"delay": "1ms"}, {"delay": "1ms", "loss": "100%"}])
        self.duet("link", "bad", "down")
        self.assertEqual(self.link("bad")["state"], "down")
        self.duet("link", "bad", "up")
        self.assertEqual(self.settings(), [{"delay": "1ms"}, {"delay": "1ms", "loss": "100%"}])

    def test_what_netem_has_not_is_refused(self):
        self.expect(self.run_duet("impair", "bad", "--mtu", "1000"), 3, "link bad: .*mtu")
        self.assertEqual(self.settings(), [{"delay": "1ms"}] * 2)


class Steps(duet.SuiteTest):
    SUITE = """
    timeout: 180s
    matrix: {carrier: [host, guest]}
    nodes:
      b:
      a:
        after: [b]
        steps:
          - {name: before, run: "%(until)s"}
          - {name: swallowed, impair: {a-b: {from: {b: {blackhole: true}}}}, run: "%(never)s"}
          - {name: still, run: "%(never)s"}
          - {name: back, impair: {a-b: {blackhole: false}}, run: "%(until)s"}
    links:
      - {nodes: [a, b], subnet: 10.0.0.0/24, carrier: "${carrier}"}
    """ % {"never": "! ping -c 5 -W 1 10.0.0.2", "until": UNTIL.format("10.0.0.2")}

    def test_a_step_begins_when_its_changes_are_in_force(self):
        self.assertEqual(self.result.verdicts, {"host": "passed", "guest": "passed"}, self.result)
        for case in self.result.cases.values():
            with self.subTest(case=case["name"]):
                causes = [{cause["name"]: cause["packets"] for cause in way["causes"]}
                          for way in case["links"][0]["directions"]]
                # Of ten: a ping does not wait for an answer that b is late with.
                self.assertGreaterEqual(causes[1]["blackhole"], 1)
                self.assertNotIn("blackhole", causes[0])


class BadStep(duet.SuiteTest):
    SUITE = """
    timeout: 180s
    matrix: {carrier: [host, guest]}
    nodes:
      b:
      a:
        steps:
          - {name: first, impair: {a-b: {delay: none}}, run: "true"}
          - {name: second, impair: {a-b: {jitter: 5ms}}, run: "true"}
    links:
      - {nodes: [a, b], subnet: 10.0.0.0/24, carrier: "${carrier}", impair: {delay: 5ms}}
    """

    def test_a_change_that_cannot_be_is_duet_s_error(self):
        for name, case in self.result.cases.items():
            with self.subTest(case=name):
                self.assertEqual(case["verdict"], "error", self.result)
                self.assertIn('a: step "second": link a-b: ', case["reason"])
                self.assertIn("jitter: found 5000000 ns, expected at most delay", case["reason"])


if __name__ == "__main__":
    unittest.main()
