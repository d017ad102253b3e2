"""Every kind of bad input to the command line, and its answer: data of tests and of docs.

A case is a kind, the command with ``{}`` for the file, what the answer says, the exit code,
and what makes the file from the good table. ``python tests/cli_bad_input.py`` writes the
table of docs/cli.md anew.
"""

import gzip
import io
import re
import sys
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

PAGE = Path(__file__).parents[1] / "docs" / "cli.md"
BEGIN, END = "<!-- table of bad input: begin -->", "<!-- table of bad input: end -->"

STREAM = "stream {} --target repaid --sensitive group --no-plot"
MONITOR = "monitor {} --decision granted --target repaid --sensitive group --no-plot"
COMPARE = "compare {} --target repaid --sensitive group --no-plot"


class Case(NamedTuple):
    """One kind of bad input."""

    kind: str
    command: str
    answer: str
    code: int = 2
    make: object = None
    name: str = "loans.csv"


def good(n=400):
    """A table that is fine."""
    rng = np.random.default_rng(0)
    income = rng.normal(50, 10, n).round(2)
    repaid = np.where(income + rng.normal(0, 8, n) > 50, "yes", "no")
    return pd.DataFrame(
        {
            "income": income,
            "region": rng.choice(["north", "south"], n),
            "group": rng.choice(["a", "b"], n),
            "year": np.repeat(np.arange(2000, 2000 + n // 50), 50),
            "granted": np.where(rng.random(n) < 0.1, "no", repaid),
            "repaid": repaid,
        }
    )


def in_folder_with_loans(folder, monkeypatch):
    """Go to a folder that has a good file, and write lines as wide as they come."""
    monkeypatch.chdir(folder)
    monkeypatch.setenv("COLUMNS", "200")
    good().to_csv(folder / "loans.csv", index=False)
    return folder


def text(change):
    """A maker of CSV text from a changed table."""
    return lambda: change(good()).to_csv(index=False).encode()


def column(name, value):
    """A maker with one column set."""
    return text(lambda f: f.assign(**{name: value}))


def days(*texts):
    """A maker with a column of days that ends with these."""
    return text(lambda f: f.assign(day=["01/02/2024"] * (ROWS - len(texts)) + [*texts]))


def raw(content):
    """A maker of these bytes."""
    return lambda: content


def header(names):
    """A maker with another header."""

    def make():
        lines = good().to_csv(index=False).splitlines()
        return "\n".join([names, *lines[1:]]).encode()

    return make


def broken_row():
    """A row with too many fields."""
    lines = good().to_csv(index=False).splitlines()
    lines[300] += ",one,too,many"
    return "\n".join(lines).encode()


def parquet(frame):
    """Bytes of a Parquet file."""
    buffer = io.BytesIO()
    frame.to_parquet(buffer)
    return buffer.getvalue()


ROWS = 400
CASES = [
    # commands and options
    Case("unknown command", "dmeo {}", "invalid choice: 'dmeo'"),
    Case("unknown option", STREAM + " --bond 0.1", "unrecognized arguments: --bond"),
    Case("no file", "stream --target repaid --sensitive group", "required: FILE"),
    Case("no target", "stream {} --sensitive group", "required: --target"),
    Case("no sensitive column", "stream {} --target repaid", "required: --sensitive"),
    Case("no decision column", "monitor {} --sensitive group", "required: --decision"),
    Case("no row to explain", "explain {} {}", "required: --row"),
    Case("bound as percent", STREAM + " --bound 5", "a gap of 5 points is 0.05"),
    Case("bound zero", STREAM + " --bound 0", "must be in (0, 1], got 0"),
    Case("negative bound", STREAM + " --bound=-0.1", "must be in (0, 1], got -0.1"),
    Case("bound in words", STREAM + " --bound small", "must be in (0, 1], got small"),
    Case("ratio as percent", STREAM + " --ratio-bound 80", "the four-fifths rule is 0.8"),
    Case(
        "ratio of a distance",
        STREAM + " --ratio-bound 0.8 --constraint burden",
        "--ratio-bound bounds rates",
    ),
    Case("bound not a number", STREAM + " --bound nan", "must be in (0, 1], got nan"),
    Case("bound of a demo above one", "demo --no-plot --bound 1.5", "must be in (0, 1]"),
    Case("unknown constraint", STREAM + " --constraint parity", "invalid choice: 'parity'"),
    Case(
        "a constraint twice",
        STREAM + " --constraint burden --constraint burden=2",
        "--constraint burden is given twice",
    ),
    Case(
        "a constraint's bound too large",
        STREAM + " --constraint demographic_parity=3",
        "must be in (0, 1], got 3",
    ),
    Case(
        "a constraint's bound in words",
        STREAM + " --constraint demographic_parity=low",
        "must be in (0, 1], got low",
    ),
    Case("a bound and a ratio of the same rates", STREAM + " --bound 0.01 --ratio-bound 0.8",
         "--bound 0.01 and --ratio-bound 0.8 are about the same rates"),
    Case("a bound for no constraint", MONITOR + " --bound 0.2 --constraint "
         "demographic_parity=0.1", "--bound is for a --constraint without a bound of its own"),
    Case("exploration where all labels come", STREAM + " --exploration 0.5",
         "--exploration is for --labels granted alone"),
    Case("no people in no model", STREAM + " --without-people", "is for the model that"),
    Case("format of no model", STREAM + " --model-format joblib", "is for the model that"),
    Case("days first of no times", COMPARE + " --day-first", "says how --time COL is read"),
    Case("a picture that is not drawn", STREAM + " --output x.png",
         "--output names a picture, and --no-plot draws none"),
    Case("negative seed", "demo --no-plot --seed=-1", "seed must be a whole number from 0"),
    Case("seed in words", STREAM + " --seed one", "seed must be a whole number from 0"),
    Case("seed too large", STREAM + " --seed 4294967296", "to 4,294,967,295"),
    Case("demo too short", "demo --rows 10", "at least 2,000, got 10"),
    Case("unknown drift", "demo --drift slow", "invalid choice: 'slow'"),
    Case("batch of no rows", STREAM + " --batch 0", "at least 1, got 0"),
    Case("batch in words", STREAM + " --batch many", "at least 1, got many"),
    Case(
        "batch larger than the file", STREAM + " --batch 1000",
        "--batch 1,000 is more than the 400 rows",
    ),
    Case("unknown growth", STREAM + " --growth fast", "invalid choice: 'fast'"),
    Case("unknown expert", STREAM + " --expert tree", "invalid choice: 'tree'"),
    Case("delay in words", STREAM + " --delay soon", "delay must be rows, such as 500"),
    Case("negative delay", STREAM + " --delay=-3", "delay must be rows, such as 500"),
    Case("unknown unit of delay", STREAM + " --delay 3y", "or a time, such as 30d"),
    Case("delay in days without times", STREAM + " --delay 30d", "needs --time COL"),
    Case("labels of others", STREAM + " --labels some", "invalid choice: 'some'"),
    Case("exploration of all", STREAM + " --exploration 1", "from 0 to less than 1, got 1"),
    Case("unknown measure", STREAM + " --metrics accurasy", "close to 'accuracy'"),
    Case("explain in words", STREAM + " --explain all", "at least 0, got all"),
    Case("sort without times", STREAM + " --sort", "--sort needs --time COL"),
    Case(
        "days first and months first",
        STREAM + " --time year --day-first --month-first",
        "not allowed with argument",
    ),
    Case("bounds to compare in words", COMPARE + " --bounds few", "--bounds: bound must be"),
    Case("bounds to compare too large", COMPARE + " --bounds 5,10", "must be numbers in"),
    Case(
        "burden to compare", COMPARE + " --constraint burden", "the rivals have no distance"
    ),
    Case("burden to monitor", MONITOR + " --constraint burden", "needs a model's distances"),
    Case(
        "odds to monitor without truths",
        "monitor {} --decision granted --sensitive group --constraint equalized_odds",
        "needs --target COL",
    ),
    Case("window too small", MONITOR + " --window 3", "at least 10, got 3"),
    # columns
    Case(
        "target misspelled",
        "stream {} --target repayed --sensitive group",
        "column 'repayed' is not in the source; did you mean 'repaid'",
    ),
    Case(
        "sensitive column misspelled",
        "stream {} --target repaid --sensitive Group",
        "did you mean 'group'?",
    ),
    Case("time misspelled", STREAM + " --time years", "did you mean 'year'?"),
    Case("ignored column misspelled", STREAM + " --ignore incom", "close to 'income'"),
    Case("kept column misspelled", STREAM + " --keep incom", "close to 'income'"),
    Case("ignored column to compare misspelled", COMPARE + " --ignore incom",
         "close to 'income'"),
    Case("kept column of decisions misspelled", MONITOR + " --keep incom", "close to 'income'"),
    Case("id misspelled", STREAM + " --id incom", "did you mean 'income'"),
    Case("category misspelled", STREAM + " --categorical regions", "close to 'region'"),
    Case("number misspelled", STREAM + " --numeric incme", "close to 'income'"),
    Case("one column in two roles", STREAM + " --time group", "'group' has two roles"),
    Case(
        "target is sensitive too",
        "stream {} --target repaid --sensitive repaid",
        "'repaid' has two roles",
    ),
    Case(
        "decision misspelled",
        "monitor {} --decision grnted --sensitive group",
        "did you mean 'granted'",
    ),
    Case("favorable value unknown", STREAM + " --favorable y", "its values are 'no', 'yes'"),
    Case(
        "columns of one name", STREAM, "several columns named 'group'",
        make=header("income,group,group,year,granted,repaid"),
    ),
    Case(
        "target under one name twice", STREAM, "several columns named 'repaid'",
        make=header("income,region,group,year,repaid,repaid"),
    ),
    Case(
        "copy of the sensitive column", STREAM, "'gender' says the same as 'group'",
        make=text(lambda f: f.assign(gender=f["group"])),
    ),
    Case(
        "recoded sensitive column", STREAM, "'gender' says the same as 'group'",
        make=text(lambda f: f.assign(gender=f["group"].map({"a": 7, "b": 3}))),
    ),
    Case(
        "recoded target", STREAM, "'paid' says the same as 'repaid'",
        make=text(lambda f: f.assign(paid=(f["repaid"] == "yes").astype(int))),
    ),
    Case(
        "no feature left", STREAM, "no column is left to be a feature",
        make=text(lambda f: f[["group", "repaid"]]),
    ),
    # files
    Case("file does not exist", "stream nowhere.csv --target a --sensitive b", "not exist"),
    Case("unknown kind of file", STREAM, "no known file type", name="loans.xlsx",
         make=raw(b"something")),
    Case("empty file", STREAM, "is an empty file", make=raw(b"")),
    Case("header only", STREAM, "has no rows", make=raw(b"group,repaid\n")),
    Case("row with too many fields", STREAM, "could not be read", make=broken_row),
    Case("not text at all", STREAM, "could not be read", make=raw(bytes(range(256)) * 20)),
    Case("damaged gzip", STREAM, "could not be read", name="loans.csv.gz",
         make=raw(b"\x1f\x8b\x08\x00damaged")),
    Case("gzip without its name", STREAM, "is packed by gzip; name it loans.csv.gz",
         make=lambda: gzip.compress(good().to_csv(index=False).encode())),
    Case("damaged Parquet", STREAM, "no Parquet file", name="loans.parquet",
         make=raw(b"PAR1 and nothing else")),
    Case("unknown encoding", STREAM + " --encoding klingon", "try utf-8, cp1252"),
    Case("wrong encoding", STREAM + " --encoding ascii", "name its encoding with --encoding",
         make=text(lambda f: f.assign(region="Zürich"))),
    Case("separator of a Parquet file", STREAM + " --sep ;", "--sep is for CSV files",
         name="loans.parquet", make=lambda: parquet(good())),
    Case("wrong separator", STREAM + " --sep ;",
         "if ',' separates the columns, pass --sep ,"),
    Case("separator that cannot be guessed", STREAM, "if ';' separates the columns, pass --sep",
         make=raw(b"repaid;group;income, net\n" + b"yes;a;1,5\nno;b;2,5\n" * 200)),
    Case("a folder without Parquet files", "stream . --target repaid --sensitive group", ""),
    # contents
    Case("one class", STREAM, "has one class, 'yes'", make=column("repaid", "yes")),
    Case("one decision", MONITOR, "--decision 'granted' has one class, 'no', in all 400 rows; "
         "another one is missing", make=column("granted", "no")),
    Case("favorable decision unknown", MONITOR + " --favorable y",
         "is not a value of --decision 'granted'"),
    Case("target missing in every row", STREAM, "missing in every row",
         make=column("repaid", None)),
    Case("target of many numbers", STREAM, "more than 50 different values",
         make=column("repaid", np.arange(ROWS) / 7)),
    Case("classes that are no whole numbers", STREAM,
         "--categorical repaid takes them as texts",
         make=text(lambda f: f.assign(repaid=np.where(f["repaid"] == "yes", 0.5, 0.0)))),
    Case("delay in days for years", STREAM + " --time year --delay 3d",
         "needs dates, but --time 'year' holds 2000"),
    Case("delay in days with times missing", STREAM + " --time year --delay 3d",
         "--time 'year' is missing in 100 rows",
         make=text(lambda f: f.assign(year=np.where(f.index % 4, "2022-01-01", "")))),
    Case("one group", STREAM, "has one group, 'all'", make=column("group", "all")),
    Case("sensitive column without values", STREAM, "'group' has no value",
         make=column("group", None)),
    Case("identifier as group", STREAM, "make 400 groups; at most 200",
         make=column("group", np.arange(ROWS))),
    Case("sorted by the target", STREAM, "seems sorted by it",
         make=text(lambda f: f.sort_values("repaid"))),
    Case("too few rows", STREAM, "has 20 rows with a target", make=text(lambda f: f.head(20))),
    Case("times that are none", STREAM + " --time region",
         "holds texts that are no times, such as 'north' in row 0"),
    Case("days first where months are", STREAM + " --time day --day-first",
         "there is no month 13; pass --month-first", make=days("01/13/2024")),
    Case("days first and months first in one column", STREAM + " --time day",
         "is written in two ways", make=days("01/13/2024", "13/01/2024")),
    Case("truths that are the decisions",
         "monitor {} --decision repaid --target repaid --sensitive group --no-plot",
         "--target 'repaid' has another part too"),
    Case("an id of two parts", STREAM + " --id group", "column 'group' has two roles"),
    Case("truths unlike decisions", MONITOR, "both must hold the same labels",
         make=text(lambda f: f.assign(repaid=f["repaid"].map({"yes": 1, "no": 0})))),
    # outputs
    Case("report over the data", STREAM + " --report {}", "is the same file as the input"),
    Case("model over the data", STREAM + " --model {}", "is the same file as the input"),
    Case("checkpoint over the data", STREAM + " --checkpoint {}", "is the same file as"),
    Case("picture over the data", STREAM.replace(" --no-plot", "") + " --output {}",
         "is the same file as the input"),
    Case("two outputs in one place", STREAM + " --model out --report out",
         "is the same file as --model"),
    Case("numbers over the data", STREAM + " --json .",
         "gets 'summary.csv', which is the same file as the input", name="summary.csv"),
    Case("numbers of decisions over the data", MONITOR + " --json .",
         "which is the same file as the input", name="people.csv"),
    Case("a comparison over the data", COMPARE + " --json .",
         "which is the same file as the input", name="compare.csv"),
    Case("numbers over the report", STREAM + " --json . --report report.json",
         "which is the same file as --report"),
    Case("output in no folder", STREAM + " --model no/where", "make it first"),
    Case("output is a folder", STREAM + " --model .", "is a folder; give a file name"),
    Case("output is a device", STREAM + " --report /dev/null", "is a device"),
    Case("numbers into a file", STREAM + " --json {}", "is a file; give a folder"),
    Case("unknown kind of picture", "demo --output demo.xyz", "name it .png"),
    Case("checkpoint is another file", STREAM + " --checkpoint thesis", "is no checkpoint"),
    # saved models
    Case("model does not exist", "explain none.skops {} --row 0", "does not exist"),
    Case("model is none", "explain {} {} --row 0", "not written by skfeamoe.persistence.save"),
    Case("model is no pickle", "explain {} {} --row 0 --trust-joblib",
         "cannot be read as a saved model"),
    Case("name of a pickle for a skops file", STREAM + " --model m.joblib", "name it .skops"),
    Case("unknown format of a model", STREAM + " --model m --model-format onnx",
         "invalid choice: 'onnx'"),
    Case("row in words", "explain {} {} --row first", "at least 0, got first"),
]  # fmt: skip


def table():
    """The table of docs/cli.md."""
    lines = ["| what is wrong | command | answer has | exit code |", "|---|---|---|---:|"]
    for case in CASES:
        command = case.command.replace("{}", case.name)
        answer = re.sub(r"\|", "\\|", case.answer) or "(what pyarrow says)"
        lines.append(f"| {case.kind} | `{command}` | {answer} | {case.code} |")
    return "\n".join(lines)


def page_with(text):
    """docs/cli.md with the table."""
    page = PAGE.read_text(encoding="utf-8")
    head, _, rest = page.partition(BEGIN)
    return f"{head}{BEGIN}\n\n{text}\n\n{END}{rest.partition(END)[2]}"


if __name__ == "__main__":
    PAGE.write_text(page_with(table()), encoding="utf-8")
    print(f"{len(CASES)} kinds of bad input", file=sys.stderr)
