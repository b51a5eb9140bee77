# SPDX-License-Identifier: BSD-2-Clause
"""Plays a user at a terminal; terminal.sh runs it. terminal.py MINATO; speaks TAP."""
import json, os, re, signal, sys, termios, time

from ptyplay import Terminal

MINATO = sys.argv[1]
cases = failures = 0


class Shell(Terminal):
    """An interactive shell that does job control."""

    def __init__(self):
        os.environ["PS1"] = "outer> "
        super().__init__("bash", "--norc", "--noprofile", "--noediting", "-i")
        self.expect("outer> ")

    def run(self, line, prompt="outer> "):
        """Runs a line to its end; its output."""
        self.send(line + "\n")
        text = self.expect(re.escape(prompt))
        # Past the echo of the line.
        return text[:-len(prompt)].split("\n", 1)[-1].replace("\r", "")

    def start(self, line):
        """Starts what says "ready" when it may be typed to."""
        self.send(line + "\n")
        self.expect("ready")

    def inner(self, line):
        return self.run(line, "inner> ")


def same(got, wanted):
    if got != wanted:
        raise AssertionError(f"got {got!r}, wanted {wanted!r}")


def holds(text, pattern):
    if not re.search(pattern, text):
        raise AssertionError(f"no {pattern!r} in {text!r}")


def case(make):
    """A case on a shell of its own, named by its first line of text."""
    global cases, failures
    cases += 1
    terminal = Shell()
    try:
        make(terminal)
        print(f"ok {cases} - {make.__doc__}")
    except AssertionError as error:
        failures += 1
        print(f"not ok {cases} - {make.__doc__}\n# {error}\n# left: {terminal.seen!r}")
    finally:
        terminal.close()
    sys.stdout.flush()


RUN = f"{MINATO} run -q --"
# Says "ready", then echoes lines with "got" before each.
READER = "sh -c 'echo rea''dy; while read x; do echo got $x; done; echo over'"

# ---- a job of the outer shell ----


@case
def interrupted(t):
    "Ctrl-C ends a command, with 130"
    t.start(f"{RUN} sh -c 'echo rea''dy; sleep 100'")
    t.key("\x03")
    t.expect("outer> ")
    same(t.run("echo $?"), "130\n")


@case
def quit(t):
    "Ctrl-\\ ends a command, with 131"
    t.run("ulimit -c 0")
    t.start(f"{RUN} sh -c 'echo rea''dy; exec sleep 100'")
    t.key("\x1c")
    t.expect("outer> ")
    same(t.run("echo $?"), "131\n")


@case
def ignored_interrupt(t):
    "a command that ignores Ctrl-C goes on, and so does its network"
    t.start(f"{RUN} sh -c 'trap \"\" INT QUIT; echo rea''dy; read x; ping -c 1 -W 5 10.0.2.2; echo p=$?'")
    t.key("\x03\x1c\x03")
    time.sleep(0.3)
    t.send("x\n")
    t.expect("p=0")
    t.expect("outer> ")


@case
def worker_apart(t):
    "the process for the traffic is out of the terminal's reach"
    t.start(f"{MINATO} run -q --name apart -- sh -c 'echo rea''dy; read x'")
    guest = [g for g in json.loads(os.popen(f"{MINATO} ps --json").read())["guests"]
             if g["name"] == "apart"][0]
    with open(f"/proc/{guest['pid']}/task/{guest['pid']}/children") as children:
        others = [int(pid) for pid in children.read().split() if int(pid) != guest["init"]]
    same(len(others), 1)
    same(os.getsid(others[0]) != os.getsid(guest["pid"]), True)
    t.send("x\n")
    t.expect("outer> ")


@case
def caught_interrupt(t):
    "a command gets each Ctrl-C once"
    t.start(f"{RUN} bash -c 'trap \"echo int\" INT; echo rea''dy; read x; read x; echo end'")
    t.key("\x03")
    t.expect("int")
    time.sleep(0.3)
    t.send("x\ny\nz\n")
    text = t.expect("end")
    same(text.count("int"), 0)
    t.expect("outer> ")


@case
def stopped(t):
    "Ctrl-Z stops the job, fg continues it"
    t.start(f"{RUN} {READER}")
    t.send("one\n")
    t.expect("got one")
    t.key("\x1a")
    t.expect("Stopped")
    t.expect("outer> ")
    holds(t.run("jobs"), "Stopped.*minato")
    t.send("fg\n")
    t.expect("minato run")
    t.send("two\n")
    t.expect("got two")
    t.send("\x04")
    t.expect("over")
    t.expect("outer> ")
    same(t.run("echo $?"), "0\n")


@case
def stopped_again(t):
    "and again, and Ctrl-C ends it afterwards"
    t.start(f"{RUN} {READER}")
    for word in ("one", "two", "three"):
        t.key("\x1a")
        t.expect("Stopped")
        t.expect("outer> ")
        t.send("fg\n")
        t.expect("minato run")
        t.send(word + "\n")
        t.expect("got " + word)
    t.key("\x03")
    t.expect("outer> ")
    same(t.run("echo $?"), "130\n")


@case
def background(t):
    "bg continues it in the background, where it waits for the terminal"
    t.start(f"{RUN} sh -c 'echo rea''dy; sleep 1; echo later; read x; echo got $x'")
    t.key("\x1a")
    t.expect("Stopped")
    t.expect("outer> ")
    t.run("bg")
    t.expect("later")
    time.sleep(0.5)
    holds(t.run("jobs"), "Stopped")
    t.send("fg\n")
    t.expect("minato run")
    t.send("three\n")
    t.expect("got three")
    t.expect("outer> ")


@case
def begun_in_background(t):
    "a command begun in the background can be fetched"
    t.run("set -b")
    t.send(f"{RUN} {READER} &\n")
    t.expect("ready")
    time.sleep(0.5)
    t.run("")
    holds(t.run("jobs"), "Stopped")
    t.send("fg\n")
    t.expect("minato run")
    t.send("one\n")
    t.expect("got one")
    t.send("\x04")
    t.expect("over")


@case
def ignored_stop(t):
    "a command that ignores Ctrl-Z is not stopped, and minato is not either"
    t.start(f"{RUN} sh -c 'trap \"\" TSTP; echo rea''dy; read x; echo got $x'")
    t.key("\x1a")
    time.sleep(0.5)
    t.send("more\n")
    t.expect("got more")
    t.expect("outer> ")
    same(t.run("echo $?"), "0\n")


@case
def stops_itself(t):
    "a command that stops itself stops the job"
    t.start(f"{RUN} sh -c 'echo rea''dy; kill -STOP $$; echo goes on'")
    t.expect("Stopped")
    t.expect("outer> ")
    t.run("true")
    t.send("fg\n")
    t.expect("goes on")
    t.expect("outer> ")


@case
def pipeline(t):
    "in a pipeline Ctrl-Z and Ctrl-C reach all of it"
    t.send(f"{RUN} sh -c 'echo ready; sleep 100; echo after' | cat\n")
    t.expect("ready\r\n")
    t.key("\x1a")
    t.expect("Stopped")
    t.expect("outer> ")
    t.send("fg\n")
    t.expect("minato run")
    time.sleep(0.2)
    t.key("\x03")
    t.expect("outer> ")
    same(t.run("echo ${PIPESTATUS[0]}"), "130\n")


# ---- a shell inside ----

# The user's shell, but quiet.
WRAPPER = os.path.join(os.environ["HOME"], "shell")
with open(WRAPPER, "w") as script:
    script.write("#!/bin/sh\nexec bash --norc --noprofile --noediting -i\n")
os.chmod(WRAPPER, 0o755)
SHELL = f"env SHELL={WRAPPER} PS1='inner> '"


def shell_at(t, how=f"{MINATO} run -q"):
    """Starts an interactive shell inside; what it said before its prompt."""
    t.send(f"{SHELL} {how}\n")
    return t.expect("\ninner> ")


@case
def shell(t):
    "minato run without a command is a shell with job control, without a warning"
    text = shell_at(t)
    for word in ("cannot set terminal", "no job control", "annot"):
        if word in text:
            raise AssertionError(text)
    holds(t.inner("echo flags $-"), "flags .*i.*m|flags .*m.*i")
    t.send("\x04")
    t.expect("exit")
    t.expect("outer> ")
    same(t.run("echo $?"), "0\n")


@case
def shell_interrupt(t):
    "inside, Ctrl-C ends the job, not the shell, nor minato and its network"
    shell_at(t)
    t.key("\x03")
    t.expect("inner> ")
    t.send("sh -c 'echo rea''dy; sleep 100'\n")
    t.expect("ready")
    t.key("\x03")
    t.expect("inner> ")
    same(t.inner("echo $?"), "130\n")
    t.key("\x1c\x03")
    t.expect("inner> ")
    holds(t.inner("ping -c 1 -W 5 10.0.2.2; echo p=$?"), "p=0")
    t.send("exit 5\n")
    t.expect("outer> ")
    same(t.run("echo $?"), "5\n")


@case
def shell_stop(t):
    "inside, Ctrl-Z stops the job; jobs, fg and bg work"
    shell_at(t)
    t.send("sh -c 'echo rea''dy; while read x; do echo got $x; done'\n")
    t.expect("ready")
    t.key("\x1a")
    t.expect("Stopped")
    t.expect("inner> ")
    holds(t.inner("jobs"), "Stopped")
    t.inner("bg")
    time.sleep(0.3)
    holds(t.inner("jobs"), "Stopped")
    t.send("fg\n")
    t.expect("while read")
    t.send("one\n")
    t.expect("got one")
    t.send("\x04")
    t.expect("inner> ")
    holds(t.inner("sleep 0.1 & wait; jobs; echo none"), "none")
    t.send("\x04")
    t.expect("outer> ")


@case
def shell_suspends(t):
    "a shell inside that suspends itself gives the terminal back, fg returns to it"
    shell_at(t)
    for _ in range(2):
        t.send("suspend\n")
        t.expect("Stopped")
        t.expect("outer> ")
        same(t.run("echo $((40 + 2))"), "42\n")
        t.send("fg\n")
        t.expect("minato run")
        t.expect("inner> ")
        same(t.inner("echo $((40 + 3))"), "43\n")
    t.send("sh -c 'echo rea''dy; sleep 100'\n")
    t.expect("ready")
    t.key("\x03")
    t.expect("inner> ")
    t.send("exit\n")
    t.expect("outer> ")
    same(t.run("echo done"), "done\n")


@case
def window(t):
    "the size of the window reaches programs inside, also when it changes"
    t.resize(33, 111)
    shell_at(t)
    same(t.inner("stty size"), "33 111\n")
    t.send("bash -c 'trap \"stty size\" WINCH; echo rea''dy; while :; do read -t 0.1 x; done'\n")
    t.expect("ready")
    t.resize(44, 99)
    t.expect("44 99")
    t.key("\x03")
    t.expect("inner> ")
    t.send("exit\n")
    t.expect("outer> ")
    t.start(f"{RUN} bash -c 'trap \"stty size\" WINCH; echo rea''dy; while :; do read -t 0.1 x; done'")
    t.resize(22, 88)
    t.expect("22 88")
    t.key("\x03")
    t.expect("outer> ")


# ---- exec ----


@case
def executed(t):
    "all of it with exec: Ctrl-C, Ctrl-Z, fg, suspend"
    t.send(f"{MINATO} run -q --name tty -- sleep 1000 &\n")
    t.expect("outer> ")
    for _ in range(100):
        if "tty" in t.run(f"{MINATO} ps"):
            break
    t.start(f"{MINATO} exec tty sh -c 'echo rea''dy; sleep 100'")
    t.key("\x03")
    t.expect("outer> ")
    same(t.run("echo $?"), "130\n")
    t.start(f"{MINATO} exec tty {READER}")
    t.key("\x1a")
    t.expect("Stopped")
    t.expect("outer> ")
    holds(t.run(f"{MINATO} ps"), "tty")
    t.send("fg\n")
    t.expect("minato exec")
    t.send("one\n")
    t.expect("got one")
    t.send("\x04")
    t.expect("outer> ")
    text = shell_at(t, f"{MINATO} exec tty bash --norc --noprofile --noediting -i")
    same("annot" in text or "no job" in text, False)
    t.send("suspend\n")
    t.expect("Stopped")
    t.expect("outer> ")
    t.send("fg\n")
    t.expect("minato exec")
    t.expect("inner> ")
    t.send("sh -c 'echo rea''dy; sleep 100'\n")
    t.expect("ready")
    t.key("\x03")
    t.expect("inner> ")
    t.send("exit 6\n")
    t.expect("outer> ")
    same(t.run("echo $?"), "6\n")
    t.run(f"{MINATO} stop tty")


# ---- ends ----


def modes(terminal):
    return termios.tcgetattr(terminal.master)[:4]


@case
def killed_raw(t):
    "the terminal's modes are whole after a command that was killed"
    lead = Terminal("sh", "-c", f"{MINATO} run -q -- sh -c 'echo ready; read x; stty raw -echo;"
                    " kill -KILL $$'; echo back; read x")
    lead.expect("ready")
    before = modes(lead)
    lead.send("x\n")
    lead.expect("back")
    after = modes(lead)
    lead.close()
    same(after, before)


@case
def kept_modes(t):
    "modes that a command sets and leaves behind stay"
    lead = Terminal("sh", "-c", f"{MINATO} run -q -- stty -echo; echo back; read x")
    lead.expect("back")
    after = modes(lead)
    lead.close()
    same(after[3] & termios.ECHO, 0)


@case
def killed_minato(t):
    "after kill -9 of minato the outer shell has its terminal and goes on"
    t.send(f"{SHELL} {MINATO} run -q --name prey\n")
    t.expect("\ninner> ")
    t.inner("stty -echo")
    guests = json.loads(os.popen(f"{MINATO} ps --json").read())["guests"]
    os.kill([g["pid"] for g in guests if g["name"] == "prey"][0], signal.SIGKILL)
    t.expect("Killed")
    t.expect("outer> ")
    time.sleep(0.5)  # Until what was reading inside is gone.
    same(t.run("echo $((40 + 4))").splitlines()[-1], "44")


@case
def hung_up(t):
    "a terminal that hangs up ends shell, guest and all"
    t.send(f"{SHELL} {MINATO} run -q --name hung\n")
    t.expect("\ninner> ")
    t.send("sleep 54329\n")
    time.sleep(0.3)
    os.close(t.master)
    t.master = os.open("/dev/null", os.O_RDONLY)
    for _ in range(100):
        time.sleep(0.1)
        if "hung" not in os.popen(f"{MINATO} ps").read():
            break
    same("hung" in os.popen(f"{MINATO} ps").read(), False)
    same(os.popen("pgrep -f 'sleep 5432[9]'").read(), "")


print(f"1..{cases}")
sys.exit(1 if failures else 0)
