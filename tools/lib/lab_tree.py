"""The grader's own trees: clean, with a submission's listed files laid over, each in a scratch folder that is
kept from run to run, so that only what differs is built again."""
import io
import os
import shutil
import subprocess
import tarfile

from lib import lab_handout, unpack
from lib.usage import Mistake

HANDOUT = "labs/handout"  # a student's tree has it: the lab's name
SCRATCH = "build/grade"


def is_handout(top="."):
    """Whether this is a student's tree."""
    return os.path.exists(os.path.join(top, HANDOUT))


def from_folder(top):
    """{path: (content, mode)} of a working tree."""
    result = {}
    for path in lab_handout.files_of(top):
        there = os.path.join(top, path)
        if not os.path.islink(there) and os.path.isfile(there):
            with open(there, "rb") as file:
                result[path] = (file.read(), os.stat(there).st_mode & 0o777)
    return result


def from_first_commit(top):
    """The same of a repository's first commit: a handout as it was handed out."""
    if not os.path.exists(os.path.join(top, ".git")):
        raise Mistake("This tree has lost its repository (.git), with which the grader compares: take the handout as it was given out.")
    first = lab_handout.run(["git", "rev-list", "--max-parents=0", "HEAD"], top).split()[-1]
    done = subprocess.run(["git", "-C", top, "archive", "--format=tar", first], stdout=subprocess.PIPE, check=True)
    result = {}
    with tarfile.open(fileobj=io.BytesIO(done.stdout)) as archive:
        for member in archive.getmembers():
            if member.isfile():
                result[member.name] = (archive.extractfile(member).read(), member.mode & 0o777)
    return result


def clean(top="."):
    """The grader's own tree, with what holes include and call."""
    files = from_first_commit(top) if is_handout(top) else from_folder(top)
    for source, target in lab_handout.KIT.items():
        files[target] = files[source]
    return files


def sync(folder, files):
    """Makes a folder hold just these files, touching only those that differ; what is built stays."""
    os.makedirs(folder, exist_ok=True)
    for here, _, names in os.walk(folder):
        inside = os.path.relpath(here, folder)
        if inside == "build" or inside.startswith("build/"):
            continue
        for name in names:
            if os.path.normpath(os.path.join(inside, name)) not in files:
                os.remove(os.path.join(here, name))
    for path, (content, mode) in files.items():
        there = os.path.join(folder, path)
        if os.path.isfile(there):
            with open(there, "rb") as file:
                if file.read() == content:
                    continue
        os.makedirs(os.path.dirname(there), exist_ok=True)
        with open(there, "wb") as file:
            file.write(content)
        os.chmod(there, mode)


def submitted(lab, submission):
    """({path: content} of the lab's files in a submission, a sentence if there is something wrong with it)."""
    try:
        if os.path.isdir(submission):
            found = unpack.take_folder(submission, lab.files)
        elif os.path.isfile(submission):
            found = unpack.take(submission, lab.files)
        else:
            raise Mistake(f"SUBMISSION={submission} is not there: give a folder or an archive.")
    except unpack.Refused as error:
        return {}, f"the submission is not taken: {error}"
    gone = [path for path in lab.files if path not in found and path.startswith("src/")]  # without answers some tests fail
    return found, f"{gone[0]} was not handed in" if gone else ""


def overlay(files, submission):
    """A clean tree with the submitted files over it."""
    return {**files, **{path: (content, 0o644) for path, content in submission.items()}}


def remove(folder):
    """A scratch folder and all in it."""
    shutil.rmtree(folder, ignore_errors=True)
