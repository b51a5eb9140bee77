# SPDX-License-Identifier: BSD-2-Clause
"""Watches sockets at a terminal; watch.sh runs it. watch.py MINATO; speaks TAP."""
import os, re, select, signal, socket, subprocess, sys, termios, time

from ptyplay import PATIENCE, Terminal

MINATO = sys.argv[1]
WATCH = (MINATO, "ss", "--host", "-n", "-t", "-a", "--watch=0.2")
cases = failures = 0


class Screen(Terminal):
    """What a terminal shows: just the sequences that are used, anything else is a fault."""

    SEQUENCE = re.compile(r"\x1b\[(\?[0-9]+[hl]|[0-9;]*[HJKm])")

    def __init__(self, *argv, **more):
        self.attributes = []
        self.alternate = self.hidden = False
        self.width = more.get("size", (24, 80))[1]
        self.clear()
        os.environ["TERM"] = "xterm"
        os.environ.pop("NO_COLOR", None)
        super().__init__(*argv, **more)

    def clear(self):
        self.lines, self.styles, self.row, self.column, self.style = {}, {}, 0, 0, ""

    def play(self):
        """Draws what was seen so far."""
        at = 0
        while at < len(self.seen):
            char = self.seen[at]
            if char == "\x1b":
                found = self.SEQUENCE.match(self.seen, at)
                if not found and len(self.seen) - at < 10:
                    break
                if not found:
                    raise AssertionError(f"an unknown sequence: {self.seen[at:at + 10]!r}")
                self.obey(found[1])
                at = found.end()
                continue
            if char == "\r":
                self.column = 0
            elif char == "\n":
                self.row += 1
            else:
                if self.column >= self.width:
                    raise AssertionError(f"line {self.row} is wider than the terminal")
                self.lines.setdefault(self.row, {})[self.column] = char
                self.styles.setdefault(self.row, {})[self.column] = self.style
                self.column += 1
            at += 1
        self.seen = self.seen[at:]

    def obey(self, sequence):
        if sequence in ("?1049h", "?1049l"):
            self.alternate = sequence[-1] == "h"
            self.clear()
        elif sequence in ("?25h", "?25l"):
            self.hidden = sequence[-1] == "l"
        elif sequence == "H":
            self.row = self.column = 0
        elif sequence == "K":
            line = self.lines.get(self.row, {})
            for column in [c for c in line if c >= self.column]:
                del line[column]
        elif sequence == "J":
            for row in [r for r in self.lines if r > self.row]:
                del self.lines[row]
        elif sequence[-1] == "m":
            self.style = "" if sequence == "0m" else sequence

    def text(self):
        """The screen as lines."""
        rows = []
        for row in range(max(self.lines, default=-1) + 1):
            line = self.lines.get(row, {})
            rows.append("".join(line.get(c, " ") for c in range(max(line, default=-1) + 1)))
        return "\n".join(rows)

    def styled(self, pattern):
        """The style of the first character of what is matched."""
        for row, line in enumerate(self.text().split("\n")):
            found = re.search(pattern, line)
            if found:
                return self.styles[row].get(found.start(), "")
        raise AssertionError(f"no {pattern!r} in\n{self.text()}")

    def shows(self, pattern, wanted=True):
        """Waits until the screen shows it, or shows it no more."""
        end = time.monotonic() + PATIENCE
        while True:
            self.play()
            if bool(re.search(pattern, self.text(), re.M)) == wanted:
                return
            if time.monotonic() > end:
                raise AssertionError(f"{pattern!r}: waited in vain; the screen:\n{self.text()}")
            self.read(0.05)

    def modes(self):
        return termios.tcgetattr(self.master)[3] & (termios.ICANON | termios.ECHO)


def same(got, wanted):
    if got != wanted:
        raise AssertionError(f"got {got!r}, wanted {wanted!r}")


def case(make):
    """A case, named by its text, with a watch on a screen."""
    global cases, failures
    cases += 1
    screen = Screen(*WATCH)
    try:
        make(screen)
        print(f"ok {cases} - {make.__doc__}")
    except AssertionError as error:
        failures += 1
        print(f"not ok {cases} - {make.__doc__}")
        for line in str(error).split("\n"):
            print("#", line)
    finally:
        screen.close()
    sys.stdout.flush()


def listener(port):
    s = socket.socket()
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind(("127.0.0.1", port))
    s.listen(4)
    return s


def restored(screen):
    """The terminal is as it was found."""
    screen.play()
    same((screen.alternate, screen.hidden), (False, False))


@case
def highlights(screen):
    "what is new is green with +, what is gone red with -, and then it is no more there"
    screen.shows("q quit")
    screen.shows("Netid|State")
    same(screen.alternate and screen.hidden, True)
    first = listener(4101)
    screen.shows(r"^\+ .*127\.0\.0\.1:4101")
    same(screen.styled(r"\+ .*:4101"), "32m")
    screen.shows(r"^  .*127\.0\.0\.1:4101")
    same(screen.styled(r"  .*:4101"), "")
    first.close()
    screen.shows(r"^- .*127\.0\.0\.1:4101")
    same(screen.styled(r"- .*:4101"), "31m")
    screen.shows(":4101", False)
    screen.send("q")
    same(screen.ends(), 0)
    restored(screen)


@case
def values(screen):
    "values that change are bold, and marked with ~"
    s = listener(4102)
    screen.shows(r"^  .*:4102")
    caller = socket.create_connection(("127.0.0.1", 4102))
    screen.shows(r"^~ LISTEN +1 .*:4102")
    same(screen.styled(r"\S*1 +4 +127\.0\.0\.1:4102"), "1m")
    same(screen.styled("LISTEN +1"), "")
    caller.close()
    s.close()
    screen.send("q")
    same(screen.ends(), 0)


@case
def fits(screen):
    "80 columns and 24 lines hold it; a window that is resized too"
    many = [listener(4200 + i) for i in range(40)]
    screen.shows("more below")
    screen.play()
    same(len(screen.text().split("\n")) <= 24, True)
    screen.shows(":4200 ")
    screen.send("\x1b[F")
    screen.shows(":4239 ")
    screen.send("g")
    screen.shows(":4200 ")
    screen.send("\x1b[6~")
    screen.shows(":4200 ", False)
    screen.resize(10, 40)
    screen.width = 40
    # What was drawn for the window as it was may still be on its way: the last picture counts.
    for wait in range(10):
        screen.read(0.5)
        screen.seen = screen.seen[max(screen.seen.rfind("\x1b[H"), 0):]
        screen.clear()
        try:
            screen.shows("q quit")
            break
        except AssertionError:
            if wait == 9:
                raise
    same(len(screen.text().split("\n")) <= 10, True)
    for s in many:
        s.close()
    screen.send("q")
    same(screen.ends(), 0)


@case
def held(screen):
    "space holds the screen"
    screen.shows("space hold")
    screen.send(" ")
    screen.shows("space go on")
    s = listener(4103)
    time.sleep(0.7)
    screen.read(0.1)
    screen.play()
    same(":4103" in screen.text(), False)
    screen.send(" ")
    screen.shows(r"^\+ .*:4103")
    s.close()
    screen.send("q")
    same(screen.ends(), 0)


def ended_by(signo):
    def ends(screen):
        screen.shows("q quit")
        os.kill(screen.pid, signo)
        same(screen.ends(), -signo)
        restored(screen)
        same(screen.modes(), termios.ICANON | termios.ECHO)
    ends.__doc__ = f"signal {signo} leaves the terminal as it was, and ends the process"
    case(ends)


for number in (signal.SIGINT, signal.SIGTERM, signal.SIGQUIT):
    ended_by(number)


@case
def stopped(screen):
    "a stop gives the terminal back, and going on takes it again"
    screen.shows("q quit")
    os.kill(screen.pid, signal.SIGTSTP)
    same(os.WIFSTOPPED(os.waitpid(screen.pid, os.WUNTRACED)[1]), True)
    screen.read(0.1)
    restored(screen)
    same(screen.modes(), termios.ICANON | termios.ECHO)
    os.kill(screen.pid, signal.SIGCONT)
    screen.shows("q quit")
    same(screen.alternate, True)
    screen.send("q")
    same(screen.ends(), 0)


# ---- without a terminal ----


def lines():
    "without a terminal changes are told line by line"
    process = subprocess.Popen(WATCH, stdout=subprocess.PIPE, text=True)
    seen = ""

    def until(pattern):
        nonlocal seen
        end = time.monotonic() + PATIENCE
        while not re.search(pattern, seen, re.M):
            if time.monotonic() > end:
                raise AssertionError(f"waited for {pattern!r}, saw {seen!r}")
            if select.select([process.stdout], [], [], 0.1)[0]:
                seen += os.read(process.stdout.fileno(), 65536).decode()

    s = None
    try:
        until(r"^# \d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ \d+ rows")
        s = listener(4104)
        until(r"^\+ .*:4104")
        s.close()
        until(r"^- .*:4104")
        same("\x1b" in seen, False)
        process.terminate()
        same(process.wait(), -signal.SIGTERM)
    finally:
        process.kill()
        process.wait()


try:
    cases += 1
    lines()
    print(f"ok {cases} - {lines.__doc__}")
except AssertionError as fault:
    failures += 1
    print(f"not ok {cases} - {lines.__doc__}\n# {fault}")

for words, code in ((("--watch", "--in", "nobody"), 1), (("--watch=0",), 2),
                    (("--watch=soon",), 2), (("--watch", "--json"), 2)):
    cases += 1
    got = subprocess.run((MINATO, "ss") + words, capture_output=True, text=True)
    good = got.returncode == code and got.stderr and not got.stdout
    failures += not good
    print("ok" if good else "not ok", cases, "- exit code", code, "of", *words)
    if not good:
        print("#", got)

print(f"1..{cases}")
sys.exit(1 if failures else 0)
