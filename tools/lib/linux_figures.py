"""Linux's figures: its shell can only say what the TSC was when a thing was done."""

STEPS = [("to_the_shell", "shell_reached"), ("200_forks", "forks_done"), ("pipe_and_md5", "md5_done")]


def since(moments, entered):
    """{figure: ticks that it took} from {moment: TSC}, each counted from the moment before it, the first from the
    kernel's entry."""
    figures, last = {}, entered
    for name, moment in STEPS:
        if moment in moments:
            now = moments[moment]["ticks"]
            figures[name] = {"name": name, "unit": "ticks", "ticks": now - last}
            last = now
    return figures
