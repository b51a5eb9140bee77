# SPDX-License-Identifier: BSD-2-Clause
"""Answers the questions of a guest at a terminal; ask.sh runs it.

ask.py MINATO LOG-OF-THE-GUEST ANOTHER-CURL AUDIT ANOTHER-RESOLVER; speaks TAP."""
import json, os, re, subprocess, sys, time

from ptyplay import Terminal

MINATO, LOG, CURL2, AUDIT, RESOLVER = sys.argv[1:]
PLAIN = "198.51.100.10"
cases = failures = 0


def case(name, test):
    global cases, failures
    cases += 1
    try:
        test()
        print(f"ok {cases} - {name}", flush=True)
    except Exception as error:  # whatever it is, the next case goes on
        failures += 1
        print(f"not ok {cases} - {name}", flush=True)
        for line in f"{type(error).__name__}: {error}".splitlines():
            print(f"# {line}", flush=True)


def curl(url, program="curl", *more):
    """Begins; whoever waits for it gets what it said and its code."""
    return subprocess.Popen([MINATO, "exec", "g", "--", program, "-4sS", "-m", "60", *more, url],
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                            stdin=subprocess.DEVNULL)


def outcome(process):
    said = process.communicate(timeout=60)[0]
    return process.returncode, said


def demand(fact, what):
    if not fact:
        raise AssertionError(repr(what))


def served(process):
    code, said = outcome(process)
    demand(code == 0 and said == "served\n", (code, said))


def refused(process):
    """At once by the answer: curl's 7 is that a connection failed."""
    code, said = outcome(process)
    demand(code == 7, (code, said))


def log():
    with open(LOG) as file:
        return file.read()


def logged(pattern):
    end = time.monotonic() + 10
    while not re.search(pattern, log()):
        demand(time.monotonic() < end, log())
        time.sleep(0.05)


def asker():
    return Terminal(MINATO, "ask", "g")


def question(terminal, what=r"http://|", program="curl", always=True, proto="tcp"):
    return terminal.expect(r"/" + program + r" \(pid \d+\) wants " + what +
                           " " + proto + r": \[o\]nce, " + (r"\[a\]lways, " if always else "") +
                           r"\[n\]o\? ")


API = r"api\.example:80 \(198\.51\.100\.10\)"


def without_an_asker():
    started = time.monotonic()
    process = curl("http://other.example/file")
    logged(r"curl \(pid \d+\) wants other\.example:80 \(198\.51\.100\.11\): "
           r"'minato ask g' in another terminal")
    refused(process)
    took = time.monotonic() - started
    demand(29 < took < 50, took)
    logged(r"refused: curl -> other\.example:80 \(nobody answered")


def allowed_is_not_asked():
    served(curl("http://alias.example/file"))
    demand("wants alias" not in log(), log())


def once():
    t = asker()
    process = curl("http://api.example/file")
    question(t, API)
    t.send("o\n")
    served(process)
    process = curl("http://api.example/file")
    question(t, API)
    t.send("n\n")
    refused(process)
    logged(r"refused: curl -> api\.example:80 \(you said no")
    process = curl("http://api.example/file")
    question(t, API)
    t.send("nonsense\nonce\n")
    question(t, API)
    served(process)
    t.close()


def always():
    t = asker()
    process = curl("http://api.example/file")
    question(t, API)
    t.send("a\n")
    served(process)
    for _ in range(3):
        served(curl("http://api.example/file"))
    # Another port, another name, an address, another program are other questions.
    process = curl("http://api.example:8080/file")
    question(t, r"api\.example:8080 \(198\.51\.100\.10\)")
    t.send("n\n")
    refused(process)
    process = curl("http://four.example/file")
    question(t, r"four\.example:80 \(198\.51\.100\.10\)")
    t.send("n\n")
    refused(process)
    process = curl("http://api.example/file", CURL2)
    question(t, API, "curl2")
    t.send("n\n")
    refused(process)
    t.close()


def addresses():
    t = asker()
    process = curl("http://198.51.100.14/file")
    question(t, r"198\.51\.100\.14:80")
    t.send("o\n")
    served(process)
    t.close()


def a_yes_is_for_that_name():
    t = asker()
    process = curl("http://api.example:8080/file", "curl", "-H", "Host: evil.example")
    question(t, r"api\.example:8080 \(198\.51\.100\.10\)")
    t.send("o\n")
    # That it says another is another question, and nothing of it goes on before.
    question(t, r"evil\.example:8080 \(198\.51\.100\.10, where that name did not lead\)")
    t.send("n\n")
    code, said = outcome(process)
    demand(code != 0 and "served" not in said, (code, said))
    t.close()


def a_yes_for_what_it_says():
    """The name that it says did not lead there: that is asked about too, and yes is yes."""
    t = asker()
    process = curl("http://api.example:8080/file", "curl", "-H", "Host: elsewhere.example")
    question(t, r"api\.example:8080 \(198\.51\.100\.10\)")
    t.send("o\n")
    question(t, r"elsewhere\.example:8080 \(198\.51\.100\.10, where that name did not lead\)")
    t.send("o\n")
    served(process)
    t.close()


def who_has_gone_keeps_nobody_waiting():
    t = asker()
    first = curl("http://api.example:8080/file")
    question(t, r"api\.example:8080 \(198\.51\.100\.10\)")
    second = curl("http://198.51.100.14/file")
    subprocess.run([MINATO, "exec", "g", "--", "pkill", "-x", "-f", "curl .*api.example:8080/file"],
                   stdin=subprocess.DEVNULL, check=True, timeout=30)
    started = time.monotonic()
    t.expect(r"too late: it was refused, or its program has gone")
    question(t, r"198\.51\.100\.14:80")
    demand(time.monotonic() - started < 6, "it kept the other waiting")
    t.send("o\n")
    served(second)
    first.wait(timeout=10)
    logged(r"api\.example:8080 \(its program had gone before it was answered")
    t.close()


def why_knows():
    def said(*words):
        return subprocess.run([MINATO, *words, "--name", "g", "tcp", "10.0.2.100", "to",
                               "198.51.100.14:81"], capture_output=True, text=True, timeout=30,
                              stdin=subprocess.DEVNULL).stdout
    demand(re.search(r"^asked: nothing lets it out, so the user is asked", said("why"), re.M),
           said("why"))
    demand(re.search(r"^asked: .*this would let it pass the rules unasked:", said("why-not"), re.M),
           said("why-not"))


def typed_before():
    """Whatever was typed before a question was on the screen does not answer it."""
    t = asker()
    t.send("a")
    time.sleep(1)
    first = curl("http://api.example:8080/file")
    question(t, r"api\.example:8080 \(198\.51\.100\.10\)")
    t.send("\n")
    question(t, r"api\.example:8080 \(198\.51\.100\.10\)")
    second = curl("http://198.51.100.14:8080/file")
    logged_before = log()
    time.sleep(2)
    t.send("n\na\n")
    refused(first)
    question(t, r"198\.51\.100\.14:8080")
    time.sleep(2)
    demand(second.poll() is None, "it was answered by what was typed before")
    t.send("x" * 63 + "a\n")
    question(t, r"198\.51\.100\.14:8080")
    t.send("n\n")
    refused(second)
    demand(log().count("wants") == logged_before.count("wants"), log())
    t.close()


def two_askers():
    one, other = asker(), asker()
    process = curl("http://api.example:8080/file")
    for t in (one, other):
        question(t, r"api\.example:8080 \(198\.51\.100\.10\)")
    one.send("o\n")
    served(process)
    demand("too late" not in other.expect("it was answered elsewhere"), "it was said to be late")
    one.close()
    other.close()


def always_is_for_the_file_as_it_was():
    """Neither what gets the number of a file that was removed, nor one that is written again."""
    inside = os.path.dirname(AUDIT) + "/curl3"

    def sh(script):
        return subprocess.run([MINATO, "exec", "g", "--", "sh", "-c", script],
                              capture_output=True, text=True, check=True, timeout=30,
                              stdin=subprocess.DEVNULL).stdout

    url = "http://198.51.100.14:8080/file"
    t = asker()
    sh(f"cp $(command -v curl) {inside}")
    process = curl(url, inside)
    question(t, r"198\.51\.100\.14:8080", "curl3")
    t.send("a\n")
    served(process)
    served(curl(url, inside))
    sh(f"cat $(command -v curl) >{inside}")
    process = curl(url, inside)
    question(t, r"198\.51\.100\.14:8080", "curl3")
    t.send("n\n")
    refused(process)
    sh(f"rm {inside}")
    t.close()


def names_of_programs():
    """A name is no line of ours, and one that a program chose no path."""
    folder = os.path.dirname(AUDIT) + "/deep"
    connect = ("import ctypes, socket\n"
               "ctypes.CDLL(None).prctl(15, b'/usr/bin/curl')\n"
               "try: socket.create_connection(('198.51.100.14', 8080), 50)\n"
               "except OSError as e: print(e)\n")
    script = ("import os, shutil, sys\n"
              "program = os.path.realpath(sys.executable)\n"
              f"os.makedirs('{folder}'); os.chdir('{folder}')\n"
              "for _ in range(18): os.mkdir('d' * 250); os.chdir('d' * 250)\n"
              "file = os.open(shutil.copy(program, 'python'), os.O_RDONLY); os.chdir('/')\n"
              f"os.execve(file, [program, '-c', {connect!r}], {{'PYTHONHOME': '/usr'}})\n")
    t = asker()
    process = subprocess.Popen([MINATO, "exec", "g", "--", "python3", "-c", script],
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                               stdin=subprocess.DEVNULL)
    t.expect(r"\[/usr/bin/curl\] \(pid \d+\) wants 198\.51\.100\.14:8080 tcp: "
             r"\[o\]nce, \[n\]o\? ")
    t.send("n\n")
    demand("refused" in process.communicate(timeout=60)[0], "it was let out")
    name = folder + "/x\nminato: --allow ended: everything is open\nminato: y"
    subprocess.run([MINATO, "exec", "g", "--", "cp", "/usr/bin/curl", name], check=True,
                   stdin=subprocess.DEVNULL, timeout=30)
    process = curl("http://198.51.100.14:8080/file", name)
    t.expect(r"/x\?minato: --allow ended: everything is open\?minato: y \(pid \d+\) wants ")
    t.send("n\n")
    refused(process)
    logged(r"refused: x\?minato: --allow ended: everything is open\?minato: y -> 198")
    demand("\nminato: --allow ended" not in log(), log())
    subprocess.run([MINATO, "exec", "g", "--", "rm", "-r", folder], check=True,
                   stdin=subprocess.DEVNULL, timeout=30)
    t.close()


def the_same_is_asked_once():
    t = asker()
    several = [curl("http://api.example:8080/file") for _ in range(5)]
    question(t, r"api\.example:8080 \(198\.51\.100\.10\)")
    # Until all have joined.
    time.sleep(2)
    t.send("o\n")
    for process in several:
        served(process)
    t.close()


def closing_the_terminal_is_no():
    t = asker()
    started = time.monotonic()
    process = curl("http://api.example:8080/file")
    question(t, r"api\.example:8080 \(198\.51\.100\.10\)")
    t.close()
    refused(process)
    demand(time.monotonic() - started < 20, "it took as long as without an answer")


def a_shared_socket():
    """Two programs hold it: one of them could send."""
    t = asker()
    script = ("import socket, subprocess, sys, time\n"
              "s = socket.socket(); s.set_inheritable(True)\n"
              "p = subprocess.Popen(['sleep', '30'], close_fds=False)\n"
              "try:\n s.connect(('198.51.100.10', 80)); print('connected')\n"
              "except OSError as e:\n print(e)\n"
              "p.kill()\n")
    process = subprocess.Popen([MINATO, "exec", "g", "--", "python3", "-c", script],
                               stdout=subprocess.PIPE, text=True, stdin=subprocess.DEVNULL)
    t.expect(r"\(pid \d+, and 1 more hold its socket\) wants \S+:80( \(\S+\))? tcp: "
             r"\[o\]nce, \[n\]o\? ")
    t.send("a\n")
    t.expect(r"\[o\]nce, \[n\]o\? ")
    t.send("n\n")
    demand("refused" in process.communicate(timeout=60)[0], "it was let out")
    t.close()


def writes(port, *more, address=PLAIN):
    """A datagram, and what comes of it within ten seconds."""
    script = ("import socket, sys\n"
              "s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.settimeout(10)\n"
              f"s.connect(('{address}', {port})); s.send(b'who')\n"
              "try: print(s.recv(100).decode())\n"
              "except OSError as e: print(type(e).__name__, e.errno)\n")
    return subprocess.Popen([MINATO, "exec", "g", "--", "python3", "-c", script, *more],
                            stdout=subprocess.PIPE, text=True, stdin=subprocess.DEVNULL)


PYTHON = r"python3[.\d]*"
ERROR = r"\w*Error (113|111|1|13)\n"


def datagrams():
    t = asker()
    process = writes(5000)
    # api.example has led there by now; of UDP it is another question.
    question(t, r"\S+:5000( \(198\.51\.100\.10\))?", PYTHON, proto="udp")
    t.send("o\n")
    demand(outcome(process)[1] == "word\n", "no answer came")
    process = writes(5000)
    question(t, r"\S+:5000( \(198\.51\.100\.10\))?", PYTHON, proto="udp")
    t.send("n\n")
    said = outcome(process)[1]
    demand(re.fullmatch(ERROR, said), said)
    process = writes(5000)
    question(t, r"\S+:5000( \(198\.51\.100\.10\))?", PYTHON, proto="udp")
    t.send("a\n")
    demand(outcome(process)[1] == "word\n", "no answer came")
    for _ in range(3):
        demand(outcome(writes(5000))[1] == "word\n", "always is not always")
    process = writes(5001)
    question(t, r"\S+:5001( \(198\.51\.100\.10\))?", PYTHON, proto="udp")
    t.close()
    said = outcome(process)[1]
    demand(re.fullmatch(ERROR, said), said)


def resolvers():
    """DNS that another resolver is asked is a flow like any."""
    def dig():
        return subprocess.Popen([MINATO, "exec", "g", "--", "dig", "+short", "+time=8", "+tries=1",
                                 "@" + RESOLVER, "evil.example", "A"], stdout=subprocess.PIPE,
                                text=True, stdin=subprocess.DEVNULL)

    t = asker()
    process = dig()
    question(t, re.escape(RESOLVER) + ":53", "dig", proto="udp")
    t.send("n\n")
    demand("198.51.100.11" not in outcome(process)[1], "it was asked all the same")
    process = dig()
    question(t, re.escape(RESOLVER) + ":53", "dig", proto="udp")
    t.send("o\n")
    said = outcome(process)[1]
    demand("198.51.100.11" in said, said)
    t.close()


def quic():
    """What cannot be seen through does not go where names are expected, whoever said yes."""
    t = asker()
    process = writes(443)
    question(t, r"\S+:443( \(198\.51\.100\.10\))?", PYTHON, proto="udp")
    t.send("o\n")
    said = outcome(process)[1]
    demand(re.fullmatch(ERROR, said), said)
    t.close()


def worker_of(name):
    rows = json.loads(subprocess.run([MINATO, "ps", "--json"], capture_output=True, text=True,
                                     check=True, stdin=subprocess.DEVNULL).stdout)
    rows = rows if isinstance(rows, list) else rows.get("guests", rows)
    return next(row["worker"] for row in rows if row["name"] == name)


def another_worker():
    """Always is until the guest ends, and no was for once."""
    before = worker_of("g")
    os.kill(before, 9)
    end = time.monotonic() + 10
    while True:
        try:
            if worker_of("g") != before:
                break
        except (StopIteration, KeyError, ValueError, subprocess.CalledProcessError):
            pass
        demand(time.monotonic() < end, "there is no other worker")
        time.sleep(0.1)
    asked = log().count("wants")
    served(curl("http://api.example/file"))
    demand(outcome(writes(5000))[1] == "word\n", "always is not always")
    demand(log().count("wants") == asked, log())
    t = asker()
    process = curl("http://api.example:8080/file")
    question(t, r"api\.example:8080 \(198\.51\.100\.10\)")
    t.send("n\n")
    refused(process)
    t.close()


def not_from_inside():
    result = subprocess.run([MINATO, "exec", "g", "--", "script", "-qc", f"{MINATO} ask g",
                             "/dev/null"], capture_output=True, text=True, timeout=30,
                            stdin=subprocess.DEVNULL)
    demand("wants" not in result.stdout and re.search("guest has ended|minato: ", result.stdout),
           result.stdout)


def audited(path, event, count):
    """The lines, once there are so many of that event."""
    end = time.monotonic() + 10
    while True:
        with open(path) as file:
            lines = [json.loads(line) for line in file.read().splitlines()]
        if sum(line["event"] == event for line in lines) >= count or time.monotonic() > end:
            return lines
        time.sleep(0.1)


def audit():
    """Each flow that began or was refused has its program and its process in the guest."""
    subprocess.run([MINATO, "exec", "g", "--", "python3", "-c", "import socket, time\n"
                    "s = socket.create_connection(('alias.example', 80)); time.sleep(3)"],
                   timeout=60, check=True, stdin=subprocess.DEVNULL)
    lines = audited(AUDIT, "ended", 2)
    flows = [line for line in lines if line["event"] == "begun" or
             line["event"] == "refused" and "flow" not in line]
    demand(len(flows) > 10, flows)
    # What is let out does not wait: of the first of these the process may have ended at once.
    let_out = [line for line in flows if line.get("rule", "").startswith("alias")]
    demand(re.search("/python3", let_out[-1].get("program", "")), let_out)
    for line in flows:
        # In brackets is the one that names_of_programs has made.
        known = line.get("program", "").startswith(("/", "[/usr/bin/curl]"))
        demand(line in let_out or line.get("pid", 0) > 1 and known, line)
    programs = {line.get("program") for line in flows}
    demand({"/usr/bin/curl", CURL2} <= programs, programs)
    demand(any(line.get("holders") == 2 for line in flows), flows)
    order = [line["event"] + str(line["flow"]) for line in lines if "flow" in line]
    demand(len(set(order)) == len(order), order)
    for one in order:
        if one.startswith("ended"):
            demand("begun" + one[5:] in order[:order.index(one)], order)


def audit_alone():
    """Who is refused at once waits until it is known whose it was: however soon it ends."""
    for _ in range(20):
        result = subprocess.run([MINATO, "exec", "h", "--", "curl", "-4sS", "-m", "20",
                                 "http://198.51.100.14/file"], capture_output=True, text=True,
                                stdin=subprocess.DEVNULL)
        demand(result.returncode == 7, result)
    refusals = [line for line in audited(AUDIT + "-h", "refused", 20)
                if line["event"] == "refused"]
    demand(len(refusals) == 20, refusals)
    for line in refusals:
        demand(line.get("program") == "/usr/bin/curl" and line["reason"] == "not allowed", line)


def program_rules():
    def run(*command):
        return subprocess.run([MINATO, "exec", "p", "--", *command], capture_output=True, text=True,
                              timeout=60, stdin=subprocess.DEVNULL)

    url = "http://198.51.100.14/file"
    python = ("python3", "-c", "import socket, sys\n"
              "try: socket.create_connection(('198.51.100.14', 80), 20)\n"
              "except OSError as e: print(e)\nelse: print('through')")
    for _ in range(3):
        result = run("curl", "-sS", "-m", "20", url)
        demand(result.stdout == "served\n", result)
        # Another file, by whatever name, and a port that the rule is not about.
        demand(run(CURL2, "-sS", "-m", "20", url).returncode == 7, "another curl got through")
        demand("refused" in run(*python).stdout, "python got through")
        demand(run("curl", "-sS", "-m", "20", url.replace(".14/", ".14:8080/")).returncode == 7,
               "another port was open")
    # A socket that another program holds too is not curl's alone.
    shared = run("python3", "-c", "import socket, subprocess, os\n"
                 "s = socket.socket(); s.set_inheritable(True); s.settimeout(20)\n"
                 "l = socket.create_server(('127.0.0.1', 0))\n"
                 "p = subprocess.Popen(['curl', '-s', 'telnet://127.0.0.1:%d' % "
                 "l.getsockname()[1]], close_fds=False)\n"
                 "l.accept()\n"
                 "try: s.connect(('198.51.100.14', 80)); print('through')\n"
                 "except OSError as e: print(e)\n"
                 "p.kill()\n")
    demand("refused" in shared.stdout, shared)
    said = subprocess.run([MINATO, "run", "--rule", "allow program nosuchthing out tcp 80", "--",
                           "true"], capture_output=True, text=True, stdin=subprocess.DEVNULL)
    demand(said.returncode == 2 and "no program is called nosuchthing" in said.stderr, said)


def no_terminal():
    result = subprocess.run([MINATO, "ask", "g"], capture_output=True, text=True,
                            stdin=subprocess.DEVNULL)
    demand(result.returncode == 1 and "no terminal to ask on" in result.stderr, result)
    result = subprocess.run([MINATO, "ask", "nobody"], capture_output=True, text=True,
                            stdin=subprocess.DEVNULL)
    demand(result.returncode == 1, result)


for name, test in [
        ("who nobody answers is refused after 30 s, and the user was told", without_an_asker),
        ("what --allow lets out is not asked about", allowed_is_not_asked),
        ("once is once, no is once, another word is asked again", once),
        ("always is one program, one name, one port", always),
        ("an address without a name is asked about as such", addresses),
        ("a yes is for that name: another in the request is asked about, and no is a reset",
         a_yes_is_for_that_name),
        ("... and yes is yes", a_yes_for_what_it_says),
        ("who has gone keeps nobody waiting", who_has_gone_keeps_nobody_waiting),
        ("what was typed before a question, and a piece of a line, is no answer", typed_before),
        ("of two who are asked the first one answers, and the other is told", two_askers),
        ("always is for the file as it was", always_is_for_the_file_as_it_was),
        ("a program's name forges no line, and no path", names_of_programs),
        ("why and why-not know that the user is asked", why_knows),
        ("attempts that are the same wait for one answer", the_same_is_asked_once),
        ("closing the terminal is no, soon", closing_the_terminal_is_no),
        ("of a socket that two programs hold there is no always", a_shared_socket),
        ("datagrams: once, no, always, and closing the terminal", datagrams),
        ("another resolver is asked about", resolvers),
        ("a yes to UDP on port 443 is one to QUIC that names it", quic),
        ("a program inside cannot answer for the user", not_from_inside),
        ("the audit says which program and process it was", audit),
        ("the audit alone knows the program of what is refused at once", audit_alone),
        ("always survives the worker", another_worker),
        ("a rule about a program lets that file out, and no other", program_rules),
        ("without a terminal nobody is asked", no_terminal)]:
    case(name, test)
print(f"1..{cases}")
sys.exit(failures > 0)
