"""The mutants by hand fit the code, so that `python -m tests.mutation.run` can make them."""

from tests.mutation.run import by_hand


def test_every_mutant_by_hand_can_be_made():
    for module, line, what, code in by_hand():
        compile(code, f"{module}:{line} {what}", "exec")
