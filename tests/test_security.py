"""What a stranger's file may do: nothing. Names are text in reports and in spreadsheets."""

from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest

from skfeamoe import FEAMOEClassifier
from skfeamoe.streaming import prequential
from skfeamoe.streaming._files import write_csv

ATTACKS = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<svg/onload=alert(1)>",
    "\"><iframe src=javascript:alert(1)>",
    "' onmouseover='alert(1)",
    "</title><base href=//evil>",
    "</style><style>@import url(//evil)</style>",
    "{{ 7 * 7 }}{% for x in y %}",
    "<!--", "-->", "]]>", "&lt;b&gt;", "\u202egpj.exe", "a\x00b", "javascript:alert(1)",
]  # fmt: skip


class Parts(HTMLParser):
    """Tags, attributes and text of a page."""

    def __init__(self):
        super().__init__()
        self.tags, self.attributes, self.text = [], [], []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]

    def handle_data(self, data):
        self.text.append(data)


def report_of(names, groups, title):
    """The report of a short stream with such names, as parts."""
    pytest.importorskip("jinja2", reason="reports need jinja2, of the extra `demo`")
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(600, 3)), columns=names)
    y = (frame.iloc[:, 0] > 0).astype(int).to_numpy()
    sex = rng.choice(groups, 600)
    batches = [(frame[i : i + 50], y[i : i + 50], sex[i : i + 50]) for i in range(0, 600, 50)]
    model = FEAMOEClassifier(difference_bound=0.5, random_state=0)
    result = prequential({title: model}, batches, window=200, evaluate_every=100)
    page = Parts()
    page.feed(result.to_html(title=title, X=frame[-50:], sensitive_features=sex[-50:]))
    return page


@pytest.mark.filterwarnings("ignore")  # of Matplotlib, which has no glyph for some names
def test_names_are_never_markup_in_a_report():
    plain = report_of(["a", "b", "c"], ["f", "m"], "title")
    for k in range(0, len(ATTACKS), 5):
        one, two, *names = ATTACKS[k : k + 5]
        page = report_of(names, [one, two], one)
        assert set(page.tags) <= set(plain.tags)
        known = {(tag, name) for tag, name, _ in plain.attributes}
        assert {(tag, name) for tag, name, _ in page.attributes} <= known
        assert not any(name.startswith("on") for _, name, _ in page.attributes)
        links, own = (
            {value for _, name, value in part.attributes if name in ("src", "href", "action")}
            for part in (page, plain)
        )
        assert all(value.startswith("data:image/") for value in links - own)
        policy = [v for _, name, v in page.attributes if name == "content" and "-src" in v]
        assert policy == [v for _, n, v in plain.attributes if n == "content" and "-src" in v]
        assert policy[0].startswith("default-src 'none'")
        shown = "".join(page.text)
        for name in (one, *names):
            assert name.replace("\x00", "\ufffd") in shown or name in shown


FORMULAS = ["=cmd|' /C calc'!A0", "+1+1", "-2+3", "@SUM(A1)", "\t=1", "\r=1"]


def test_no_text_is_a_formula_in_a_spreadsheet(tmp_path):
    table = pd.DataFrame({"group": [*FORMULAS, "plain"], "gap": [-0.1, 2, 3, 4, 5, 6, np.nan]})
    table["=name"] = "x"
    table["kind"] = pd.Series([*FORMULAS, "-"], dtype="category")
    write_csv(tmp_path / "t.csv", table)
    read = pd.read_csv(tmp_path / "t.csv")
    assert read["group"].tolist()[:5] == [f"'{text}" for text in FORMULAS[:5]]
    assert read["group"].iloc[-1] == "plain"
    assert read["gap"].iloc[0] == -0.1  # a number stays one
    texts = [*read.columns, *read["group"], *read["kind"]]
    assert not any(str(text).startswith(("=", "+", "-", "@", "\t", "\r")) for text in texts)
    assert table["group"].iloc[0] == FORMULAS[0]


def test_csv_files_of_a_result_hold_no_formulas(tmp_path):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(600, 2))
    y, sex = (X[:, 0] > 0).astype(int), rng.choice(["=1+1", "@b"], 600)
    batches = [(X[i : i + 50], y[i : i + 50], sex[i : i + 50]) for i in range(0, 600, 50)]
    result = prequential(FEAMOEClassifier(difference_bound=0.5, random_state=0), batches)
    result.to_json(tmp_path)
    cells = [
        cell
        for path in tmp_path.glob("*.csv")
        for cell in pd.read_csv(path, header=None, dtype=str).to_numpy().ravel()
        if isinstance(cell, str)
    ]
    assert "'=1+1" in cells
    assert not any(cell.startswith(("=", "@", "+")) for cell in cells)
