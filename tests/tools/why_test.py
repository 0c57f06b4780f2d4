"""`make why` on what failing runs really left behind (tests/tools/failed): each is explained by what it was."""
import json
import os
import shutil
import tempfile
import unittest

from lib import why

FOLDER = "tests/tools/failed"
# run: what its explanation says, and what it does not
EXPLAINED = {
    "ept-rflags": (["refused to enter the guest", "guest RFLAGS (field 0x6820) is 0x0", "bits 0x2 must be 1",
                    "Checks on Guest RIP, RFLAGS, and SSP", "VMCS_GUEST_RFLAGS is written in src/cpu/vmx/",
                    "VMENTER FAIL: RFLAGS[1] cleared", "overwritten with 0x0"], ["triple fault", "was ended"]),
    "ept-stack": (["stumble brought itself down by a triple fault", "#PF, error code 2, address 7efffffffff8, at rip",
                   "while #DF was delivered", "is the stack mapped", "make debug MODE=ept GUEST=stumble ARGS=\"stack\""],
                  ["was ended", "Bochs' own words"]),
    "ept-check": (["stumble found: the sum of the numbers from 1 to 10: expected 0x37, got 0x2d",
                   "guests/stumble/main.c:"], ["triple fault"]),
    "shadow-sleep": (["stumble was ended (killed): it sleeps, and nothing is left to wake it"], ["triple fault"]),
    "pv-loop": (["not finished after 600000000 ticks", "it stood at 103310", "Its last words: [stumble] @guest"],
                ["triple fault"]),
    "ept-panic": (["The hypervisor gave up: exception 14 in the hypervisor", "It was running hello, vcpu 0"], ["was ended"]),
    "shadow-host": (["The machine itself was brought down by a triple fault in the hypervisor", "3rd (14) exception"],
                    ["brought itself down"]),
    "ept-penryn": (["The hypervisor did not start: This processor has no EPT: use a model that has it"], ["triple fault"]),
}


class Why(unittest.TestCase):
    """Failed runs, explained."""

    def test_explained(self):
        """What happened is said, and nothing that did not."""
        for run, (said, unsaid) in EXPLAINED.items():
            text = why.explain(os.path.join(FOLDER, run))
            for words in said:
                self.assertIn(words, text, run)
            for words in unsaid:
                self.assertNotIn(words, text, run)
            self.assertIn(f"{FOLDER}/{run}/com1.txt", text)

    def test_of_a_lab(self):
        """A lab's own guest is called as GUEST= wants it."""
        with tempfile.TemporaryDirectory() as folder:
            shutil.copytree(f"{FOLDER}/ept-stack", folder, dirs_exist_ok=True)
            path = os.path.join(folder, "record.json")
            with open(path, encoding="utf-8") as file:
                record = {**json.load(file), "guest": "trap-guest"}
            with open(path, "w", encoding="utf-8") as file:
                json.dump(record, file)
            self.assertIn("make debug MODE=ept GUEST=labs/trap/guest", why.explain(folder))

    def test_all(self):
        """No run lies about untested."""
        self.assertEqual(sorted(os.listdir(FOLDER)), sorted(EXPLAINED))
