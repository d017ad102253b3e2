"""`demo`: a lender's stream of applications through a crisis and after it."""

from __future__ import annotations

from sklearn.preprocessing import StandardScaler

from skfeamoe.datasets import make_credit_stream
from skfeamoe.streaming import iter_batches

from ._bounds import Bounds
from ._errors import InputError, OutputError, new_console
from ._models import three_models
from ._outputs import Outputs, check_picture, save_picture
from ._picture import picture
from ._run import new_evaluator, run
from ._verdict import gap_of, print_wrapped, result_table, sentences

BATCH_ROWS = 50
GAP = gap_of("demographic_parity")


def run_demo(arguments) -> None:
    """Stream, then show table, verdict and picture."""
    if arguments.bound > 1:
        raise InputError(
            f"--bound must be in (0, 1], got {arguments.bound:g}; a gap of 5 points is 0.05"
        )
    console = new_console(arguments.quiet)
    outputs = Outputs({"--output": None if arguments.no_plot else arguments.output}, {})
    if "--output" in outputs:
        check_picture(outputs.paths["--output"])
    drift = None if arguments.drift == "none" else arguments.drift
    stream = make_credit_stream(arguments.rows, drift=drift, random_state=arguments.seed)
    worlds = _worlds(stream)
    _introduce(console, stream, worlds, arguments.bound)

    first_tenth = arguments.rows // 10
    evaluator = new_evaluator(
        three_models(
            bounds=Bounds(("demographic_parity",), {"demographic_parity": arguments.bound}, {}),
            seed=arguments.seed,
            encoder=StandardScaler().fit(stream.data[:first_tenth]),
        ),
        n_rows=arguments.rows,
        favorable_label=stream.favorable_label,
        classes=[0, 1],
        pretrain_rows=first_tenth,
    )
    batches = iter_batches(
        stream.frame,
        target="repaid",
        sensitive="group",
        time="applied_on",
        batch_size=BATCH_ROWS,
    )
    result, messages = run(evaluator, batches, console, n_rows=arguments.rows)
    console.print()
    bounds = {GAP: arguments.bound}
    console.print(result_table(result, bounds))
    for line in sentences(result, bounds, stream.change_points, worlds):
        print_wrapped(console, f"- {line}", "  ")
    for message in messages:
        print_wrapped(console, f"- Note: {message}", "  ")
    if "--output" in outputs:
        figure = picture(
            result,
            GAP,
            arguments.bound,
            title="Loan decisions while the world changes",
            change_points=stream.change_points,
            change_widths=stream.change_widths,
            world_names=worlds,
        )
        outputs.write(
            "--output",
            lambda path: save_picture(figure, path),
            console,
            f"Picture of accuracy and gap over time: {arguments.output}",
        )
    if outputs.failed:
        raise OutputError("; ".join(outputs.failed))


def _worlds(stream) -> list[str]:
    """Name of the world that each stretch of the stream ends in."""
    ends = [*(stream.change_points - 1), len(stream.world) - 1]
    return [stream.world_names[stream.world[end]] for end in ends]


def _introduce(console, stream, worlds: list[str], bound: float) -> None:
    """Tell a newcomer what is about to happen, in three lines."""
    print_wrapped(
        console,
        f"{len(stream.target):,} loan applications arrive in order of time; three models "
        "decide on each batch first and learn from it afterwards.",
    )
    changes = ", ".join(
        f"{world} from row {point:,}"
        for point, world in zip(stream.change_points, worlds[1:], strict=True)
    )
    print_wrapped(
        console,
        f"The world changes on the way ({changes}): old rules fail, and the minority's "
        "incomes change."
        if changes
        else "The world stays as it is: nothing changes on the way.",
    )
    print_wrapped(
        console,
        f"FEAMOE must keep the groups' approval rates within {bound:g} of each other; the "
        "other two know nothing of groups. No model sees the group to decide.",
    )
    console.print()
