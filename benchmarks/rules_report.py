"""Tables and targets of `benchmarks.rules`."""


def tables(folder):
    return ""


def check(folder):
    return 0
