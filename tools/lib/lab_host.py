"""The host part: the grader's cmocka program with the student's objects in it, one process a test."""
import concurrent.futures
import glob
import hashlib
import os
import re
import resource
import shlex
import subprocess
import threading

from lib import lab_handout, lab_objects, lab_seal, lab_verdict, sandbox

CPU_SECONDS = 4  # a test; all of them together take a second
WALL_SECONDS = 120  # the last net: nothing that a student may write waits, so the machine is at fault
OUTPUT_BYTES = 1 << 20
COMPILER_LIMITS = [f"--as={3 << 30}", f"--fsize={64 << 20}", "--cpu=60"]  # one that includes /dev/zero, say
STATUS_ERROR = 99  # labs/kit/grade.c: the grader cannot go on
UNSET = "-ftrivial-auto-var-init=pattern"  # what is read before it is written is the same in every run, and in every tree
CACHE = os.path.abspath("build/grade/objects")


class Broken(Exception):
    """The grader itself does not work: not the student's fault."""


class Refused(Exception):
    """The student's files do not build, or have what they may not have."""


def within(words, seconds, **options):
    """The finished process; raises Broken if it takes longer than that on the clock."""
    try:
        return subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
                              timeout=seconds, check=False, **options)
    except subprocess.TimeoutExpired as error:
        raise Broken(f"not finished after {seconds} seconds on the clock: this machine is too busy") from error


def flags(top, more=()):
    """How host tests are compiled, as the tree's makefiles say; more: what this lab's part wants besides."""
    words = shlex.split(lab_handout.run(["make", "-s", "--no-print-directory", "lab-flags-host"], top))
    return words + ["-iquote", "labs/kit", UNSET, *more]


def head(top, path, key):
    """The words after `// key:` at the head of a C file; with a * it is all files that are called so."""
    with open(os.path.join(top, path), encoding="utf-8") as file:
        words = " ".join(re.findall(rf"^// {key}: *(.*)$", file.read(), re.M)).split()
    return [name for word in words for name in (sorted(glob.glob(word, root_dir=top)) if "*" in word else [word])]


class Builder:
    """Compiles files of one tree; objects are kept by what went into them."""

    def __init__(self, top, more=()):
        self.top, self.flags, self.headers = top, flags(top, more), b""
        self.refresh()

    def refresh(self):
        """The tree has changed: a digest of all that a file may include."""
        digest = hashlib.sha256(repr(self.flags).encode())
        for folder in ("src", "labs", "tests"):
            for here, _, names in sorted(os.walk(os.path.join(self.top, folder))):
                for name in sorted(names):
                    if name.endswith((".h", ".inc")):
                        with open(os.path.join(here, name), "rb") as file:
                            digest.update(name.encode() + file.read())
        self.headers = digest.digest()

    def compile(self, path, checked=False):
        """The object of a file; checked: a student's, which is looked at. Raises Refused with the compiler's words."""
        with open(os.path.join(self.top, path), "rb") as file:
            content = file.read()
        name = hashlib.sha256(self.headers + path.encode() + b"\0" + content).hexdigest()
        out = os.path.join(CACHE, name + ".o")
        if os.path.exists(out):
            return out
        os.makedirs(CACHE, exist_ok=True)
        temporary = f"{out}.{os.getpid()}.{threading.get_ident()}"
        done = self._gcc("-MD", "-MF", temporary + ".d", "-MT", "x", "-c", "-o", temporary, path)
        if done.returncode:
            raise Refused(first_errors(done.stdout))
        if checked:
            with open(temporary + ".d", encoding="utf-8", errors="replace") as file:
                wrong = lab_objects.taken_in(file.read(), self._gcc("-g0", "-S", "-o", "-", path).stdout, self.top)
            if wrong:
                raise Refused(f"{path} has {wrong[0]}")
        os.remove(temporary + ".d")
        os.replace(temporary, out)
        return out

    def _gcc(self, *words):
        command = ["prlimit", *COMPILER_LIMITS, "--", "gcc", *self.flags, "-iquote", os.path.dirname(words[-1]), *words]
        return within(command, WALL_SECONDS, cwd=self.top, stdin=subprocess.DEVNULL)


def first_errors(text, most=3):
    """The compiler's first few errors."""
    lines = [line for line in text.splitlines() if re.search(r"\b(error|undefined reference|multiple definition)\b", line)]
    return "\n".join(lines[:most]) or "\n".join(text.splitlines()[:most]) or "the compiler used up what it may take"


def build(lab, builder, originals):
    """Links the grader's program; originals: {student's file: its object in the untouched tree}. Returns its path."""
    program = f"{lab.folder}/{lab.data['host']['program']}"
    sources = head(builder.top, program, "sources")
    mine = [path for path in sources if path in lab.files]
    ours = [path for path in ["labs/kit/grade.c", program, *sources] if path not in mine]
    try:
        with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
            objects = dict(zip(ours, pool.map(builder.compile, ours)))
    except Refused as error:
        raise Broken(str(error)) from error
    for path in mine:
        objects[path] = builder.compile(path, checked=True)
    libs = head(builder.top, program, "libs")
    known = set(re.findall(r"--defsym=(\w+)=", " ".join(libs)))
    for path, name in objects.items():
        known |= lab_objects.symbols(name)[0]
    for path in mine:
        wrong = lab_objects.on_host(objects[path], originals.get(path, objects[path]), known)
        if wrong:
            raise Refused(f"{path} has {wrong[0]}")
    digest = hashlib.sha256("".join(sorted(objects.values())).encode()).hexdigest()
    out = os.path.join(CACHE, digest)
    if not os.path.exists(out):
        done = within(["gcc", *builder.flags, "-o", f"{out}.{id(builder)}", *objects.values(), "-lcmocka",
                       *libs], WALL_SECONDS, cwd=builder.top)
        if done.returncode:
            missing = set(re.findall(r"undefined reference to `([^']*)'", done.stdout))
            mine_too = any(missing & lab_objects.symbols(objects[path])[1] for path in mine)
            if missing and not mine_too:
                raise Broken("it does not link:\n" + first_errors(done.stdout, 1))
            raise Refused("it does not link:\n" + first_errors(done.stdout))
        os.replace(f"{out}.{id(builder)}", out)
    return out


def _limits():
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS + 1))
    resource.setrlimit(resource.RLIMIT_FSIZE, (OUTPUT_BYTES, OUTPUT_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _why_crashed(text, status):
    match = re.search(r"ERROR: (AddressSanitizer: [^\n(]*)|runtime error: ([^\n]*)|exception: ([^\n]*)", text)
    what = next((group for group in match.groups() if group), "") if match else f"ended with status {status}"
    place = re.search(r"#\d+ 0x[0-9a-f]+ in (\w+) (?:\S*/)?(src/\S+:\d+)|^(?:\S*/)?(src/\S+:\d+:\d+): runtime error", text, re.M)
    where = "" if not place else place.group(3) or f"{place.group(1)}, {place.group(2)}"
    return what.strip(), where


def run_test(test, program, seed, environment):
    """One test in a process of its own."""
    key = lab_seal.new_key()
    words = ["setarch", "-R", program, test.name]
    if sandbox.can_nest():
        vectors = environment["GRADE_VECTORS"]
        words = sandbox.alone(words, [program, *([vectors] if vectors else [])])
    try:
        done = within(words, WALL_SECONDS, input=f"{key[0]:x} {key[1]:x} {seed:x}\n", preexec_fn=_limits, env=environment)
    except Broken as error:
        return lab_verdict.of(test, "host", "error", str(error))
    line = lab_seal.read(done.stdout, key).get(test.name)
    if line and (done.returncode == 0) == line["ok"] and done.returncode in (0, 1):
        return lab_verdict.from_line(test, "host", line)
    if done.returncode == STATUS_ERROR:
        return lab_verdict.of(test, "host", "error", done.stdout.strip().splitlines()[-1])
    if done.returncode in (-24, 152):  # SIGXCPU
        return lab_verdict.of(test, "host", "budget", f"not finished after {CPU_SECONDS} seconds of processor time")
    what, where = _why_crashed(done.stdout, done.returncode)
    return lab_verdict.of(test, "host", "crash", f"your code crashed: {what}", where=where)


def grade(lab, builder, originals, seed, vectors=""):
    """The verdicts of the host part."""
    tests = [test for test in lab.tests if test.part == "host"]
    try:
        program = build(lab, builder, originals)
    except Refused as error:
        return [lab_verdict.of(test, "host", "failure", f"your files do not build: {error}") for test in tests]
    except Broken as error:
        return [lab_verdict.of(test, "host", "error", f"the grader does not build: {error}") for test in tests]
    environment = {"PATH": os.environ.get("PATH", ""), "LC_ALL": "C", "GRADE_VECTORS": vectors,
                   "UBSAN_OPTIONS": "print_stacktrace=0", "ASAN_OPTIONS": "detect_leaks=0"}
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        return list(pool.map(lambda test: run_test(test, program, seed, environment), tests))
