"""The man page, the completion and the README agree with what the program says of itself."""

import os
import pathlib
import re
import subprocess
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAM = pathlib.Path(os.environ.get("DUET") or ROOT / "build" / "duet")
COMMANDS = ("run", "replay", "shrink", "list", "shell", "up", "exec", "cp", "logs", "ps", "down",
            "impair", "link", "console", "debug-kernel", "verdicts", "bench", "compare", "history",
            "doctor", "kernel", "mock-agent", "version")
EVERYWHERE = {"help", "usage"}


def output(*command, **more):
    return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=60, check=True, cwd=ROOT, **more).stdout


def help_options(command):
    """Long name -> short name or None, of the lines that begin with an option."""
    text = output(str(PROGRAM), command, "--help")
    found = re.findall(r"^ +(?:-(\S), |  +)--([a-z0-9._-]+)", text, re.MULTILINE)
    return {long: short or None for short, long in found}


def settings_of(command):
    """Those options that stand together in the synopsis."""
    text = output(str(PROGRAM), command, "--help").partition("\n Settings")[2]
    return set(re.findall(r"^ +--([a-z0-9._-]+)", text, re.MULTILINE)) - EVERYWHERE


def man_section(command):
    page = (ROOT / "docs/duet.1").read_text()
    return re.search(rf"^\.Ss {command}\n(.*?)(?=^\.S[sh] )", page, re.MULTILINE | re.DOTALL)[1]


def man_options(command):
    found = re.findall(r"^\.It (?:Fl (\w) , )?Fl -([a-z0-9._-]+)|^\.It Fl (\w) , -([a-z-]+)",
                       man_section(command), re.MULTILINE)
    return {long or other_long: short or other_short or None
            for short, long, other_short, other_long in found}


class Documentation(unittest.TestCase):
    def test_help_names_every_command(self):
        text = output(str(PROGRAM), "--help")
        self.assertEqual(tuple(re.findall(r"^  ([a-z-]+) ", text, re.MULTILINE)), COMMANDS)

    def test_the_man_page_has_the_options_that_help_has(self):
        for command in COMMANDS:
            with self.subTest(command=command):
                options = help_options(command)
                self.assertLessEqual(EVERYWHERE, options.keys())
                own = {name: short for name, short in options.items() if name not in EVERYWHERE}
                self.assertEqual(man_options(command), own)

    def test_the_synopsis_has_them_too(self):
        page = (ROOT / "docs/duet.1").read_text()
        synopsis = page[page.index(".Sh SYNOPSIS"):page.index(".Sh DESCRIPTION")]
        parts = dict(re.findall(r"^\.Cm ([\w-]+)\n((?:\.(?:Op|Fl) .*\n)*)", synopsis, re.MULTILINE))
        self.assertEqual(tuple(parts), COMMANDS)
        for command in COMMANDS:
            with self.subTest(command=command):
                named = set(re.findall(r"Fl -([a-z-]+)", parts[command]))
                own = help_options(command).keys() - EVERYWHERE - settings_of(command)
                self.assertEqual(named, own)

    def test_the_completion_offers_them(self):
        for command in COMMANDS:
            with self.subTest(command=command):
                script = (f"source docs/duet.bash; COMP_WORDS=(duet {command} --); COMP_CWORD=2; "
                          "_duet; printf '%s\\n' \"${COMPREPLY[@]}\"")
                offered = {word.removeprefix("--") for word in output("bash", "-c", script).split()}
                self.assertEqual(offered, set(help_options(command)))

    def test_exit_statuses(self):
        page = (ROOT / "docs/duet.1").read_text()
        section = page[page.index(".Sh EXIT STATUS"):page.index(".Sh EXAMPLES")]
        documented = re.findall(r"^\.It (\d+)$", section, re.MULTILINE)
        told = output(str(PROGRAM), "run", "--help")
        told = re.findall(r"\b(\d+) [a-z]", told[told.index("Exit status:"):])
        self.assertEqual(documented[:5], told[:5])
        self.assertIn("130", documented)

    def test_links_lead_to_files(self):
        for page in [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *ROOT.glob("docs/*.md")]:
            for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text()):
                with self.subTest(page=page.name, target=target):
                    self.assertTrue((page.parent / target).exists())

    def test_the_readmes_suite_is_one(self):
        text = (ROOT / "README.md").read_text()
        lines = text[text.index("    # web.yaml"):text.index("    $ build/duet run")].splitlines()
        path = ROOT / "build" / f"readme-{os.getpid()}.yaml"
        path.write_text("\n".join(line[4:] for line in lines) + "\n")
        self.addCleanup(path.unlink)
        self.assertIn("server=10.0.0.1", output(str(PROGRAM), "list", str(path)))


if __name__ == "__main__":
    unittest.main()
