#!/usr/bin/env python3
"""Prints the answers of the lab look that are right with this tree's labs/look/seed; not handed out."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir))

import check_answers  # noqa: E402
from lib import lab_answers  # noqa: E402

for name, entry in lab_answers.fixed("look").items():
    print(f"{name}: {entry['right'][0]}")

for name, answer in check_answers.right_answers().items():
    print(f"{name}: {answer if isinstance(answer, str) or answer < 4096 else hex(answer)}")
