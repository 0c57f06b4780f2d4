"""Linux's figures, from what its shell said, and its ceilings."""
import unittest

from lib import linux_figures

MOMENTS = {"shell_reached": {"ticks": 1_400}, "forks_done": {"ticks": 1_900}, "true_begins": {"ticks": 2_000},
           "true_done": {"ticks": 2_500}, "true_count": {"ticks": 100}, "clock": {"ticks": 150_000_000, "ns": 3_030_000_000}}


def record(ticks, exits, hypervisor_ticks):
    """As much of a run's record as the ceilings need."""
    return {"ok": True, "figures": {"to_the_shell": {"ticks": ticks}}, "ledger": {"exit_hlt": {"n": exits, "ticks": 1}},
            "domains": [{"hypervisor_ticks": hypervisor_ticks}]}


class Linux(unittest.TestCase):
    """linux_figures.py."""

    def test_since(self):
        """Each figure counts from the moment before; a second is as long as the machine's, or not."""
        figures = linux_figures.since(MOMENTS, 1_000, 50_000)
        self.assertEqual({name: figure["ticks"] for name, figure in figures.items()},
                         {"to_the_shell": 400, "200_forks": 500, "fork_exec_wait": 5, "clock_error": 10_000})
        self.assertEqual(linux_figures.wrong(figures), [])
        figures["clock_error"]["ticks"] += 1
        self.assertEqual(len(linux_figures.wrong(figures)), 1)

    def test_ceilings(self):
        """Each beside its column; what did not run is not there; a missed one is not ok."""
        records = {("linux", "native"): record(1_000, 0, 0), ("linux", "shadow"): record(1_260, 5_000, 9),
                   (linux_figures.MORE, "shadow"): record(1_260, 5_000 + 100 * 336, 9)}
        found = linux_figures.beside_ceilings(records)
        self.assertEqual([(line["column"], line["value"], line["ok"]) for line in found],
                         [("shadow", 1.26, False), ("shadow", 336, True)])
        self.assertIn("MISSED", linux_figures.render(found))
        self.assertEqual(linux_figures.beside_ceilings({}), [])

    def test_failed(self):
        """A run that is not green has no value, and its ceiling is missed."""
        broken = dict(record(0, 0, 1), ok=False)
        found = linux_figures.beside_ceilings({("linux", "pv"): broken})
        self.assertEqual([(line["value"], line["ok"]) for line in found], [(None, False)])
