"""Mutants by hand: ways to break the control of bounds that models survive quietly.

What the control does and why: docs/decisions/offset.md.
"""

BOUND = "skfeamoe/_fairness/bound.py"
SETTLEMENT = "skfeamoe/_fairness/settlement.py"
DUE = "skfeamoe/_fairness/due.py"
CASES = "skfeamoe/_fairness/cases.py"
OFFSET = "skfeamoe/_fairness/offset.py"
SMOOTHED = "skfeamoe/_fairness/smoothed.py"
PEOPLE = "skfeamoe/_fairness/people.py"
ROUNDS = "skfeamoe/_fairness/rounds.py"
LEFT_OUT = "skfeamoe/_fairness/left_out.py"

CONTROLS = (
    (
        "aim beyond the bound",
        SETTLEMENT,
        "asked.limits - MARGIN * errors",
        "asked.limits + MARGIN * errors",
    ),
    (
        "pay accuracy for noise",
        SETTLEMENT,
        "np.maximum(NOISE * errors, LEAST_TOLERANCE)",
        "LEAST_TOLERANCE",
    ),
    (
        "never decide on kept people anew",
        DUE,
        "return self.n_waiting(row) >= max(n_held / RESCORES, LEAST_ROWS)",
        "return not self.solved_at and row >= LEAST_ROWS",
    ),
    (
        "never notice that the model has widened a gap",
        BOUND,
        "if gap - WIDER_BY * np.hypot(error, told_error) > least:",
        "if False:",
    ),
    (
        "settle again for a gap that was told already",
        BOUND,
        "least = max(asked.limits[s], told)",
        "least = asked.limits[s]",
    ),
    (
        "keep everybody for ever",
        PEOPLE,
        "late = place < rows_per_group(n_groups)",
        "late = place >= 0",
    ),
    (
        "never forget a group's share",
        BOUND,
        "self.shares * 0.5 ** (n_known / asked.half_life) + counted",
        "self.shares + counted",
    ),
    (
        "measure cells by the weight of all rows",
        CASES,
        "self.weights[s] / np.maximum(total, 1e-300)[group],",
        "self.weights[s] / max(self.weights[s].sum(), 1e-300),",
    ),
    (
        "ignore the floor of accuracy",
        SETTLEMENT,
        "if asked.accuracy_floor > 0.0 and solution.cost > most:",
        "if False:",
    ),
    (
        "no correction by hard decisions",
        SMOOTHED,
        "mean - measured_means(slot, smooth, z)",
        "0.0 * mean",
    ),
    (
        "solve distances once",
        ROUNDS,
        "for n_round in range(1, MOST_ROUNDS + 1):",
        "for n_round in range(1, 2):",
    ),
    (
        "take every step whole",
        ROUNDS,
        "for _ in range(HALVINGS):",
        "for _ in range(0):",
    ),
    (
        "a step may go as far as it likes",
        OFFSET,
        "Price(penalty, RIDGE, NEARNESS)",
        "Price(penalty, RIDGE, 0.0)",
    ),
    (
        "count wrong people as the accuracy that bounds may cost",
        SETTLEMENT,
        "accuracy = cases.accuracy(scored.decided)",
        "accuracy = 1.0 - cases.accuracy(scored.decided)",
    ),
    (
        "multipliers of the wrong sign",
        BOUND,
        "return -self.coef.reshape(-1, self.n_groups)[self.axis_of]",
        "return self.coef.reshape(-1, self.n_groups)[self.axis_of]",
    ),
    (
        "solve on people as they were taught",
        SETTLEMENT,
        "directions[:, : self._left_out.shape[1]] += self._left_out",
        "pass",
    ),
    (
        "tell of people as they were taught",
        SETTLEMENT,
        "margin = margin + self._left_out[:, :n_taught] @ coef[:n_taught]",
        "pass",
    ),
    (
        "take a stream for a table",
        BOUND,
        "return float(self.taught.sum()) if self.is_drawn else None",
        "return float(self.taught.sum())",
    ),
    (
        "take descent to have come to its end",
        LEFT_OUT,
        "return -np.expm1(-time * mean_squares) / np.maximum(mean_squares, SMALL)",
        "return 1.0 / np.maximum(mean_squares, SMALL)",
    ),
    (
        "steps of all columns alike",
        LEFT_OUT,
        "scale = 1.0 / np.sqrt(np.where(slowness > 0.0, slowness, np.inf))",
        "scale = np.ones(len(slowness))",
    ),
)
"""(what it does, module, text, changed text); the text stands in the module once."""
