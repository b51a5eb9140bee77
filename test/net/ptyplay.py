# SPDX-License-Identifier: BSD-2-Clause
"""A pseudo-terminal, played by a test that is its user."""
import fcntl, os, pty, re, signal, struct, termios, time

PATIENCE = 15


class Terminal:
    """A pseudo-terminal with a program that leads its session."""

    def __init__(self, *argv, size=(24, 80)):
        self.seen = ""
        self.pid, self.master = pty.fork()
        if self.pid == 0:
            # Whoever runs the tests may ignore what a terminal sends.
            for name in (signal.SIGINT, signal.SIGQUIT, signal.SIGTSTP, signal.SIGTTIN,
                         signal.SIGTTOU, signal.SIGHUP, signal.SIGPIPE):
                signal.signal(name, signal.SIG_DFL)
            os.execvp(argv[0], argv)
        self.resize(*size)

    def resize(self, rows, columns):
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def send(self, text):
        os.write(self.master, text.encode())

    def key(self, keys):
        """A key that signals. A shell that just forks may miss it, as it would anywhere."""
        time.sleep(0.2)
        self.send(keys)

    def read(self, seconds):
        """What comes within the time, or until the end; false at the end."""
        import select
        if not select.select([self.master], [], [], seconds)[0]:
            return True
        try:
            got = os.read(self.master, 65536)
        except OSError:
            return False
        self.seen += got.decode(errors="replace")
        return bool(got)

    def expect(self, pattern):
        """Waits for the pattern and takes all up to its end; what stood before it."""
        end = time.monotonic() + PATIENCE
        alive = True
        while True:
            found = re.search(pattern, self.seen)
            if found:
                before = self.seen[:found.start()]
                self.seen = self.seen[found.end():]
                return before + found.group()
            if not alive or time.monotonic() > end:
                raise AssertionError(f"waited for {pattern!r}, saw {self.seen!r}")
            alive = self.read(0.1)

    def ends(self):
        """The exit status of the program that leads."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            self.read(0.05)
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.pid = 0
                return os.waitstatus_to_exitcode(status)
        raise AssertionError(f"does not end; saw {self.seen!r}")

    def close(self):
        if self.pid:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
        os.close(self.master)
