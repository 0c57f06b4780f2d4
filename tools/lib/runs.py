"""Many boots, several at a time: build the images, run them under Bochs, keep the records."""
import concurrent.futures
import os
import sys
import time

from lib import bochs, image, record


def one(boot, wall_seconds=bochs.WALL_SECONDS):
    """Boots and records one. A run that breaks in the tools themselves is a failed run, too."""
    os.makedirs(boot.folder, exist_ok=True)
    outcome = bochs.run(boot, image.for_boot(boot), wall_seconds=wall_seconds)
    return record.make(boot, outcome)


class Progress:
    """Says what is booting, how many of how many are done, and for how long it has gone on."""

    def __init__(self, total, out=sys.stdout):
        self.total, self.out, self.done, self.start = total, out, 0, time.monotonic()

    def say(self, text):
        """One line with the time so far."""
        seconds = int(time.monotonic() - self.start)
        self.out.write(f"[{self.done:2}/{self.total} {seconds // 60}:{seconds % 60:02}] {text}\n")
        self.out.flush()


def all_of(boots, jobs, progress=None, wall_seconds=bochs.WALL_SECONDS):
    """Yields (boot, record) as they end."""
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        def start(boot):
            if progress:
                progress.say(f"booting {boot.label}")
            return one(boot, wall_seconds)
        running = {pool.submit(start, boot): boot for boot in boots}
        for future in concurrent.futures.as_completed(running):
            result = future.result()
            if progress:
                progress.done += 1
                verdict = "green" if result["ok"] else "FAILED: " + record.summary(result)
                progress.say(f"{running[future].label}: {verdict} ({result['wall_seconds']} s)")
            yield running[future], result
