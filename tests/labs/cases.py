"""Running unittest's cases as a part of `make test`."""
import contextlib
import io
import unittest

from result import Result


def results(part, cases):
    """One Result for all cases; what they print is shown whole."""
    suite = unittest.TestSuite(unittest.defaultTestLoader.loadTestsFromTestCase(case) for case in cases)
    out = io.StringIO()
    with contextlib.redirect_stderr(out):
        done = unittest.TextTestRunner(stream=out, verbosity=2).run(suite)
    print(out.getvalue().rstrip())
    bad = [f"{part}: {case}: {text.strip().splitlines()[-1]}" for case, text in done.failures + done.errors]
    yield Result(max(done.testsRun - len(bad), 0), bad)
