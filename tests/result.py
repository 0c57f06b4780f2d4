"""What a part of the tests reports: how many things passed, and what failed, in words."""
from dataclasses import dataclass, field


@dataclass
class Result:
    """The outcome of one program or one boot."""
    passed: int = 0
    failures: list = field(default_factory=list)
