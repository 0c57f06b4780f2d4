"""What is built already in the grader's own tree, for a scratch tree that is new: an object is taken over if all that it was
made from is the same there, byte by byte, and was no younger than the object where that was made."""
import os
import re
import shutil

FOLDERS = ("build/shadow", "build/ept", "build/pv", "build/guests/obj")


def made_from(rule):
    """The files of the first rule that gcc wrote."""
    first = rule.replace("\\\n", " ").partition("\n")[0]
    return first.partition(":")[2].split()


class Ready:
    """Which files of a tree are those of another, and how old they are; each is read once."""

    def __init__(self, top, files):
        self.top, self.files, self.known = top, files, {}

    def age(self, path):
        """When the file was changed, or None if the other tree has another."""
        if path not in self.known:
            self.known[path] = self._age(path)
        return self.known[path]

    def _age(self, path):
        there = os.path.join(self.top, path)
        try:
            if not os.path.isabs(path):
                with open(there, "rb") as file:
                    if path not in self.files or file.read() != self.files[path][0]:
                        return None
            return os.stat(there).st_mtime
        except OSError:
            return None

    def good(self, path):
        """Whether this object can be taken over."""
        try:
            with open(os.path.join(self.top, path[:-2] + ".d"), encoding="utf-8") as file:
                ages = [self.age(source) for source in made_from(file.read())]
            return bool(ages) and None not in ages and max(ages) < os.stat(os.path.join(self.top, path)).st_mtime
        except (OSError, UnicodeDecodeError):
            return False


def take_over(top, tree, files):
    """Copies into a tree that was made from these files, and in which nothing is built, what top has ready. Returns how many
    objects that were."""
    ready, count = Ready(top, files), 0
    flags = [path for path in files if re.fullmatch(r"Makefile|(src|guests)/\w+\.mk", path)]
    if os.path.exists(os.path.join(tree, "build")) or None in [ready.age(path) for path in flags]:
        return 0
    youngest = max(map(ready.age, flags), default=0)
    for folder in FOLDERS:
        for here, _, names in os.walk(os.path.join(top, folder)):
            for name in names:
                path = os.path.relpath(os.path.join(here, name), top)
                if not name.endswith(".c.o") or os.stat(os.path.join(top, path)).st_mtime < youngest or not ready.good(path):
                    continue
                os.makedirs(os.path.dirname(os.path.join(tree, path)), exist_ok=True)
                for one in (path[:-2] + ".d", path):
                    shutil.copyfile(os.path.join(top, one), os.path.join(tree, one))
                count += 1
    return count
