"""Hypervisors of students that take the machine with them: each boot ends by itself, every test has its outcome and
a sentence, no point is earned, and the next one's grade is what it should be. The lab is trap, the file exits.c."""
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
    "floods the console": ('for (;;)\n        log_line("%s", "0123456789abcdef0123456789abcdef");', "budget", "ticks"),
    "forges lines": ("\n    ".join(f'log_line({FORGED.replace("%s", name)});' for name in ("cpuid_registers", "rdmsr")) +
                     '\n    domain_end(v->domain, END_POWEROFF, 0, "%s", "");', "failure", ""),
    "says that all went well": ('log_line("@machine {\\"ok\\":true}");\n    machine_stop(true);', "failure", ""),
    "gives up": ('panic("no");', "crash", "the hypervisor gave up: no"),
}


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
    yield from cases.results("bad boots", [Boots])
