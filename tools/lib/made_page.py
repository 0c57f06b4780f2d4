"""Pages of docs/ that are made from tables in the sources: written, or checked to be up to date."""
import os
import sys

TOP = os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir, os.pardir)


def read(path):
    """A file of the tree."""
    with open(os.path.join(TOP, path), encoding="ascii") as file:
        return file.read()


def main(source, output, verb, page):
    """page() is the text of output, made from source by `make VERB`: writes it, or with --check says whether it is there."""
    if "--check" in sys.argv:
        if not os.path.exists(os.path.join(TOP, output)) or read(output) != page():
            sys.exit(f"{output} is not what {source} says: `make {verb}` makes it.")
        return
    with open(os.path.join(TOP, output), "w", encoding="ascii") as file:
        file.write(page())
