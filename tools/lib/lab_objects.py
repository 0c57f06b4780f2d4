"""What a student's object may not have: code that runs before the grader, names that stand in another's way,
calls out of the tree, system calls, and files taken in that are not the tree's."""
import functools
import os
import re
import subprocess

# Sections that a compiler makes of ordinary C.
SECTION = re.compile(r"\.(text|data|bss|rodata|debug|comment|note|eh_frame|rela?|symtab|strtab|shstrtab|group|stack_sizes"
                     r"|data\.rel|asan|ubsan)([._].*)?$|^$|^\.(tm_clone_table|llvm_addrsig)$")
COMPILER = re.compile(r"^(__asan_|__ubsan_|__sanitizer_)|^(memcpy|memset|memmove|memcmp|lab_missing|__stack_chk_fail"
                      r"|_GLOBAL_OFFSET_TABLE_)$")
FORBIDDEN = re.compile(r"\b(syscall|sysenter|int)\b")
SYSTEM = ("/usr/include/", "/usr/lib/gcc/", "/usr/lib/llvm")


def _output(*words):
    return subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
                          check=False).stdout


def symbols(path):
    """(defined global names, undefined names) of an object; each file is looked at once."""
    at = os.stat(path)
    return _symbols(path, at.st_mtime_ns, at.st_size)


@functools.lru_cache(maxsize=None)
def _symbols(path, *_version):
    defined, undefined = set(), set()
    for line in _output("nm", "--format=posix", path).splitlines():
        words = line.split()
        if len(words) >= 2 and words[1] == "U":
            undefined.add(words[0])
        elif len(words) >= 2 and (words[1].isupper() or words[1] in "uvwi"):
            defined.add(words[0])
    return frozenset(defined), frozenset(undefined)


def sections(path):
    """Names of an object's sections."""
    return re.findall(r"^\s*\[ *\d+\] (\S+)\s", _output("readelf", "-SW", path), re.M)


def _constructors(path):
    """How many pointers lie in the sections whose content runs by itself: the sanitizers put theirs there, too."""
    count, inside = 0, False
    for line in _output("readelf", "-rW", path).splitlines():
        match = re.match(r"Relocation section '\.rela?(\S*)'", line)
        if match:
            inside = re.match(r"\.(init_array|fini_array|preinit_array|ctors|dtors)", match.group(1))
        elif inside and re.match(r"[0-9a-f]{8,}", line):
            count += 1
    return count


def on_host(path, original, known):
    """Sentences on an object of the host build; original: the untouched file's, known: what else the tree defines."""
    wrong, known_sections = [], sections(original)
    for section in sections(path):
        if section in known_sections or re.match(r"\.(init|fini|init_array|fini_array|preinit_array|ctors|dtors|rela\..*)", section):
            continue
        if not SECTION.match(section):
            wrong.append(f"a section of its own, {section}")
    if _constructors(path) != _constructors(original) or any(name in (".init", ".fini", ".preinit_array", ".ctors", ".dtors")
                                  for name in sections(path)):
        wrong.append("code that runs before the grader (a constructor)")
    defined, undefined = symbols(path)
    ours, needed = symbols(original)
    for name in sorted(defined - ours):
        if not name.startswith("_sub_") and not COMPILER.match(name):
            wrong.append(f"a global name that the tree's file does not have: {name} (make it static)")
    for name in sorted(undefined - needed - known):
        if not COMPILER.match(name):
            wrong.append(f"a call out of the tree: {name}")
    for line in _output("objdump", "-d", "--no-show-raw-insn", path).splitlines():
        match = re.match(r"\s+[0-9a-f]+:\s+(\S+)", line)
        if match and FORBIDDEN.fullmatch(match.group(1)):
            wrong.append(f"the instruction {match.group(1)}")
            break
    return wrong


def taken_in(dependencies, assembly, top):
    """Sentences on what a file includes; dependencies: the compiler's list, assembly: what it made of the file."""
    wrong, real = [], os.path.realpath(top)
    for path in re.sub(r"\\\n", " ", dependencies).partition(":")[2].split():
        there = os.path.realpath(os.path.join(top, path))
        if not there.startswith(real + "/") and not there.startswith(SYSTEM):
            wrong.append(f"an include from outside of the tree: {path}")
    if re.search(r"\.(incbin|include)\b", assembly):
        wrong.append("a file taken in by the assembler (.incbin, .include)")
    return wrong
