"""Debian's own kernel, unmodified, under full virtualization: it must come to its shell and find all well
(guests/linux/check)."""
from lib import columns, linux, runs
from lib.boot import Boot
import suite


def boots():
    """Debug builds, on the quick command line."""
    linux.fetch()
    for name in linux.COLUMNS:
        if columns.ALL[name].under and name in columns.available():
            yield Boot(columns.ALL[name], linux.guest(columns.ALL[name], words="trivisor.check"), "debug")


def run(jobs):
    """Boots them all; a failure names the log."""
    todo = list(boots())
    for boot, result in runs.all_of(todo, jobs, runs.Progress(len(todo))):
        yield suite.judge(boot, result)
