"""A machine's serial port on this terminal: a pseudo-terminal that the emulator opens, a thread that
carries what is typed to it and what it prints to a file."""
import contextlib
import os
import pty
import select
import sys
import termios
import threading
import tty

ESCAPE = b"\x1d"  # Ctrl-], as telnet has it: leaves


@contextlib.contextmanager
def raw_keyboard():
    """Keys go through as they are, if a person sits here."""
    if not sys.stdin.isatty():
        yield
        return
    before = termios.tcgetattr(sys.stdin)
    try:
        tty.setraw(sys.stdin, termios.TCSADRAIN)
        yield
    finally:
        termios.tcsetattr(sys.stdin, termios.TCSADRAIN, before)


class Line:
    """A serial line: `device` is what the emulator opens; what it prints is appended to a file."""

    def __init__(self, path):
        self.master, slave = pty.openpty()
        tty.setraw(slave)
        self.device = os.ttyname(slave)
        self.slave = slave  # held open, so that the emulator's close is not the end
        self.path = path
        self.left = threading.Event()  # the user has typed ESCAPE
        self.stop = threading.Event()
        self.thread = threading.Thread(target=self.carry, daemon=True)

    def carry(self):
        """Both ways, until stop."""
        typed = [sys.stdin.fileno()]
        with open(self.path, "ab", buffering=0) as out:
            while True:
                ready, _, _ = select.select([self.master] + typed, [], [], 0.05)
                if self.master in ready:
                    out.write(os.read(self.master, 65536))
                elif self.stop.is_set():
                    return
                if typed and typed[0] in ready:
                    keys = os.read(typed[0], 1024)
                    if not keys:
                        typed = []
                    elif ESCAPE in keys:
                        self.left.set()
                    os.write(self.master, keys)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stop.set()
        self.thread.join()
        os.close(self.master)
        os.close(self.slave)
