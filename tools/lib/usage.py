"""A user's mistake is one sentence on stderr and exit status 2."""
import sys


class Mistake(Exception):
    """Something that the user asked for and cannot have; the text says what to do instead."""


def choose(what, name, valid):
    """name, if it is one of the valid ones."""
    if name not in valid:
        raise Mistake(f"{what}={name} is unknown: choose from {', '.join(valid)}.")
    return name


def main(function):
    """Runs a command's main function; its value, or the mistake, becomes the exit status."""
    try:
        sys.exit(function())
    except Mistake as mistake:
        print(mistake, file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:
        sys.exit(1)
