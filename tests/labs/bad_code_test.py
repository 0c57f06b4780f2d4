"""What students' code does instead of its work, under the real graders: on the host (lab walk), and as a hypervisor that
takes the machine with it (lab trap). Every test has its outcome and a sentence, nothing is earned, and the next one's
grade is what it should be."""
import unittest

import cases
from lib import lab_grade, lab_tree, lab_verdict

BUDGET = 300000000  # ticks: what goes on for ever does so for so long; the loader takes 250 million
PLACE = "void virt_handle_exit(struct vcpu *v, struct exit *e)\n{\n"
FORGED = r'"@grade {\"test\":\"%s\",\"n\":0,\"ok\":true,\"seal\":\"0123456789abcdef\"}"'

# name: (what is done at the first exit, an outcome that must be there, words of its sentence)
BAD = {
    "loops": ('for (;;)\n        __asm__ volatile("");', "budget", f"not finished after {BUDGET} ticks"),
    "triple fault": ('struct {\n        u16 limit;\n        u64 base;\n    } __attribute__((packed)) none = {0, 0};\n'
                     '    __asm__ volatile("lidt %0; ud2" : : "m"(none));', "crash", "the machine stopped"),
    "takes in the key": ('\n#include "../../build/labs/secret/grade_secret.h"\n    (void)GRADE_SECRET_0;', "failure", "your files do not build"),
    "floods the console": ('for (;;)\n        log_line("%s", "0123456789abcdef0123456789abcdef");', "budget", "ticks"),
    "forges lines": ("\n    ".join(f'log_line({FORGED.replace("%s", name)});' for name in ("cpuid_registers", "rdmsr")) +
                     '\n    domain_end(v->domain, END_POWEROFF, 0, "%s", "");', "failure", ""),
    "says that all went well": ('log_line("@machine {\\"ok\\":true}");\n    machine_stop(true);', "failure", ""),
    "includes without end": ('\n#include "/dev/zero"\n', "failure", "your files do not build"),
}


# The same on the host: (what is put before the file, into walk(), behind the file; an outcome; words of its sentence)
WALK = "enum walk_status walk(const struct walk_mode *m, u64 la, unsigned access,\n" \
    "                      const struct walk_memory *mem, void *ctx, struct walk_result *r)\n{\n"
HOST_TESTS = ("rights_user", "walk_4level")
BAD_HOST = {
    "does not build": ("", "no;", "", "failure", "your files do not build: src/core/walk.c"),
    "loops": ("", 'for (;;)\n        __asm__ volatile("");', "", "budget", "seconds of processor time"),
    "crashes": ("", "*(volatile int *)0 = 1;", "", "crash", "your code crashed"),
    "forges lines": ("#include <stdio.h>\n", f"printf({FORGED}, \"walk_4level\");", "", "failure", "a call out of the tree: printf"),
    "ends the test": ("#include <stdlib.h>\n", "exit(0);", "", "failure", "a call out of the tree: exit"),
    "forks": ("#include <unistd.h>\n", "for (;;)\n        fork();", "", "failure", "a call out of the tree: fork"),
    "asks the system": ("", '__asm__ volatile("syscall" : : "a"(57));', "", "failure", "the instruction syscall"),
    "runs first": ("", "", "__attribute__((constructor)) static void first(void)\n{\n    __builtin_trap();\n}\n", "failure",
                   "code that runs before the grader"),
    "takes a file in": ("", "", '__asm__(".incbin \\"/etc/passwd\\"");\n', "failure", "a file taken in by the assembler"),
    "includes without end": ('#include "/dev/zero"\n', "", "", "failure", "do not build"),
    "fills the disk": ("", "", "char all[1ull << 40] = {1};\n", "failure", "do not build"),
}


class Host(unittest.TestCase):
    """Bad files on the host."""

    def test_host(self):
        """All of them; the reference before and after."""
        grader = lab_grade.Grader("walk", scratch="build/grade/bad-host", seed=1)
        path = "src/core/walk.c"
        text = grader.clean[path][0].decode()
        self.assertEqual(text.count(WALK), 1)
        grader.lab.tests = [test for test in grader.lab.tests if test.name in HOST_TESTS]

        def verdicts(changed):
            return grader.parts(lab_tree.overlay(grader.clean, {path: changed.encode()}), boots=[])
        self.assertEqual(lab_verdict.score(verdicts(text)), lab_verdict.score(verdicts(text + "\n")))
        for name, (before, inside, behind, outcome, words) in BAD_HOST.items():
            with self.subTest(name):
                found = verdicts(before + text.replace(WALK, f"{WALK}    {inside}\n") + behind)
                last = found[-1]
                self.assertEqual((last.test, last.outcome), ("walk_4level", outcome), last.message)
                self.assertIn(words, last.message)
        earned, points = lab_verdict.score(verdicts(text))
        self.assertEqual(earned, points)


class Boots(unittest.TestCase):
    """Bad hypervisors, one after another in the same grader's tree."""

    def test_boots(self):
        """All of them; the reference before and after."""
        grader = lab_grade.Grader("trap", scratch="build/grade/bad-boots", seed=1)
        path = "src/cpu/exits.c"
        text = grader.clean[path][0].decode()
        self.assertEqual(text.count(PLACE), 1)
        full = grader.lab.data["boot"][0]["budget"]

        def verdicts(changed):
            files = lab_tree.overlay(grader.clean, {path: changed.encode()})
            return grader.parts(files, host=False, boots=[0])

        def good():
            grader.lab.data["boot"][0]["budget"] = full
            earned, points = lab_verdict.score(verdicts(text))
            self.assertEqual(earned, points)
        good()
        for name, (code, outcome, words) in BAD.items():
            with self.subTest(name):
                grader.lab.data["boot"][0]["budget"] = BUDGET
                changed = '#include "machine.h"\n' + text.replace(PLACE, f"{PLACE}    {code}\n")
                found = verdicts(changed)
                said = {(verdict.outcome, verdict.message) for verdict in found}
                self.assertEqual(lab_verdict.score(found)[0], 0, said)
                self.assertEqual({kind for kind, _ in said}, {outcome}, said)
                self.assertTrue(all(message and words in message for _, message in said), said)
        good()


def run(_jobs):
    """As a part of `make test`."""
    yield from cases.results("bad code", [Host, Boots])
