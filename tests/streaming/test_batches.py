"""Every source gives the same batches; broken sources give one clear error."""

import gzip
import tracemalloc

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.dataset as ds
import pytest

from skfeamoe.streaming import StreamBatch, iter_batches
from skfeamoe.streaming import _sources as sources

ROLES = {"target": "paid", "sensitive": ["sex"], "time": "year", "sample_weight": "w"}


@pytest.fixture
def frame():
    rng = np.random.default_rng(0)
    n = 103
    return pd.DataFrame(
        {
            "year": np.arange(n) // 20 + 2000,
            "income": rng.normal(50, 10, n).round(3),
            "job": rng.choice(["clerk", "smith"], n),
            "sex": rng.choice(["f", "m"], n),
            "paid": rng.integers(0, 2, n),
            "w": rng.integers(1, 4, n).astype(float),
        }
    )


def make_source(kind, frame, folder):
    """One and the same table in every supported shape."""
    if kind == "csv":
        frame.to_csv(folder / "a.csv", index=False)
        return folder / "a.csv"
    if kind == "csv.gz":
        frame.to_csv(folder / "a.csv.gz", index=False)
        return str(folder / "a.csv.gz")
    if kind == "tsv":
        frame.to_csv(folder / "a.tsv", index=False, sep="\t")
        return folder / "a.tsv"
    if kind == "parquet":
        frame.to_parquet(folder / "a.parquet", row_group_size=17)
        return folder / "a.parquet"
    if kind == "folder":
        (folder / "parts").mkdir()
        frame[:40].to_parquet(folder / "parts" / "0.parquet")
        frame[40:].to_parquet(folder / "parts" / "1.parquet")
        return folder / "parts"
    if kind == "files":
        frame[:40].to_csv(folder / "0.csv", index=False)
        frame[40:].to_csv(folder / "1.csv", index=False)
        return [folder / "0.csv", folder / "1.csv"]
    table = pa.Table.from_pandas(frame, preserve_index=False)
    return {
        "pandas": frame.set_index(np.linspace(5, 6, len(frame))),
        "polars": pl.from_pandas(frame),
        "table": table,
        "reader": table.to_reader(max_chunksize=13),
        "dataset": ds.dataset(table),
        "generator": (frame[i : i + 30] for i in range(0, len(frame), 30)),
        "polars generator": (pl.from_pandas(frame[i : i + 7]) for i in range(0, 103, 7)),
        "arrow generator": iter(table.to_batches(max_chunksize=50)),
    }[kind]


KINDS = [
    *("csv", "csv.gz", "tsv", "parquet", "folder", "files", "pandas", "polars", "table"),
    *("reader", "dataset", "generator", "polars generator", "arrow generator"),
]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("small_pieces", [False, True])
def test_every_source_gives_the_same_batches(kind, small_pieces, frame, tmp_path, monkeypatch):
    if small_pieces:
        monkeypatch.setattr(sources, "READ_ROWS", 11)
    source = make_source(kind, frame, tmp_path)
    batches = list(iter_batches(source, batch_size=25, **ROLES))
    assert [len(batch) for batch in batches] == [25, 25, 25, 25, 3]
    for batch in batches:
        part = frame.iloc[batch.row_numbers]
        assert list(batch.X.columns) == ["income", "job"]
        np.testing.assert_array_equal(batch.X["income"].to_numpy(), part["income"])
        assert batch.X["job"].to_list() == part["job"].tolist()
        np.testing.assert_array_equal(batch.y, part["paid"])
        assert batch.y.dtype.kind == "i"
        assert batch.sensitive_features["sex"].to_list() == part["sex"].tolist()
        np.testing.assert_array_equal(batch.sample_weight, part["w"])
        np.testing.assert_array_equal(batch.time, part["year"])
    np.testing.assert_array_equal(
        np.concatenate([batch.row_numbers for batch in batches]), np.arange(103)
    )


@pytest.mark.parametrize("kind", ["csv", "parquet", "polars generator"])
@pytest.mark.parametrize("start_row", [1, 25, 60, 103])
def test_start_row_resumes(kind, start_row, frame, tmp_path, monkeypatch):
    monkeypatch.setattr(sources, "READ_ROWS", 11)
    source = make_source(kind, frame, tmp_path)
    rest = list(iter_batches(source, batch_size=25, start_row=start_row, **ROLES))
    labels = [label for batch in rest for label in batch.y]
    assert labels == frame["paid"].tolist()[start_row:]
    if rest:
        assert rest[0].row_numbers[0] == start_row
        assert rest[-1].next_row == 103


def test_features_and_keep_sensitive(frame):
    (batch,) = iter_batches(frame, target="paid", sensitive="sex", features=["job"])
    assert list(batch.X) == ["job"]
    (batch,) = iter_batches(frame, keep_sensitive=True, **ROLES)
    assert list(batch.X) == ["income", "job", "sex"]
    (batch,) = iter_batches(frame, target="paid")
    assert batch.sensitive_features is None
    assert batch.sample_weight is None


def test_text_column_stays_text_to_the_end(tmp_path, monkeypatch):
    """A zip code column that is text at first must not become a number further down."""
    monkeypatch.setattr(sources, "READ_ROWS", 4)
    lines = ["zip,y", "0A1,0", "0B2,1", "0C3,1", "0D4,0", "0123,1", "0456,0"]
    (tmp_path / "a.csv").write_text("\n".join(lines))
    parts = list(iter_batches(tmp_path / "a.csv", target="y", batch_size=2))
    assert parts[-1].X["zip"].tolist() == ["0123", "0456"]


def test_missing_sensitive_values_are_kept(tmp_path):
    (tmp_path / "a.csv").write_text("x,sex,y\n1,f,0\n2,,1\n3,m,1\n")
    (batch,) = iter_batches(tmp_path / "a.csv", target="y", sensitive="sex")
    assert batch.sensitive_features["sex"].isna().tolist() == [False, True, False]


@pytest.mark.parametrize("make", [lambda f: f, pl.from_pandas], ids=["pandas", "polars"])
def test_missing_labels(make):
    frame = make(pd.DataFrame({"x": [1.0, 2, 3, 4], "y": [0, np.nan, 1, 1]}))
    with pytest.raises(ValueError, match="target 'y' is missing in row 1 "):
        list(iter_batches(frame, target="y"))
    first, second = iter_batches(frame, target="y", batch_size=2, missing_target="skip")
    assert (first.row_numbers.tolist(), second.row_numbers.tolist()) == ([0], [2, 3])
    assert first.y.tolist() + second.y.tolist() == [0, 1, 1]
    assert second.y.dtype.kind == "i"
    assert first.next_row == 2


def test_csv_is_never_materialized(tmp_path):
    """Peak memory does not grow with the file."""
    rows = 200_000
    rng = np.random.default_rng(0)
    pd.DataFrame(rng.normal(size=(rows, 6)).round(4), columns=list("abcdef")).assign(
        y=rng.integers(0, 2, rows)
    ).to_csv(tmp_path / "a.csv", index=False)
    tracemalloc.start()
    count = sum(len(b) for b in iter_batches(tmp_path / "a.csv", target="y", batch_size=4096))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert count == rows
    assert peak < rows * 7 * 8 / 2  # the table alone would be twice that


def write(path, text):
    path.write_text(text)
    return path


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda d: d / "no.csv", FileNotFoundError, "does not exist"),
        (lambda d: write(d / "a.csv", ""), ValueError, "is an empty file"),
        (lambda d: write(d / "a.csv", "\n\n"), ValueError, "could not be read"),
        (lambda d: write(d / "a.csv", "x,sex,y\n"), ValueError, "has no rows"),
        (lambda d: write(d / "a.doc", "x"), ValueError, "no known file type"),
        (lambda d: write(d / "a.csv", "x,sex,y\n1,f,0\n1,2,3,4\n"), ValueError, "line 3"),
        (lambda d: write(d / "a.csv", "x,sexe,Y\n1,f,0\n"), ValueError, "did you mean 'Y'"),
        (lambda d: write(d / "a.csv", "x,sexe,y\n1,f,0\n"), ValueError, "'sexe'"),
        (lambda d: write(d / "a.csv", "u,v,w\n1,f,0\n"), ValueError, "columns are u, v, w"),
        (lambda d: write(d / "a.csv.gz", "x,sex,y\n1,f,0\n"), ValueError, "damaged"),
        (
            lambda d: write(d / "a.parquet", "x,sex,y\n1,f,0\n"),
            ValueError,
            "no Parquet file",
        ),
        (lambda d: 5, ValueError, "source must be a path"),
        (lambda d: {"x": [1]}, ValueError, "source must be a path"),
        (lambda d: [1, 2], ValueError, "must yield DataFrames"),
        (lambda d: iter([]), ValueError, "has no rows"),
        (lambda d: pd.DataFrame({"x": [], "sex": [], "y": []}), ValueError, "has no rows"),
    ],
)
def test_unreadable_sources(make, error, message, tmp_path):
    with pytest.raises(error, match=message):
        list(iter_batches(make(tmp_path), target="y", sensitive="sex"))


def test_damage_further_down_names_the_row(tmp_path, monkeypatch):
    monkeypatch.setattr(sources, "READ_ROWS", 2)
    path = write(tmp_path / "a.csv", "x,y\n1,0\n2,1\n3,1\nbad,0\n")
    with pytest.raises(ValueError, match=r"held numbers up to row 2, but row 3 has 'bad'"):
        list(iter_batches(path, target="y"))
    kept = iter_batches(path, target="y", read_options={"na_values": ["bad"]})
    assert sum(len(batch) for batch in kept) == 4


def test_cut_short_gzip(tmp_path):
    rng = np.random.default_rng(0)
    text = "x,y\n" + "\n".join(f"{v:.6f},1" for v in rng.normal(size=20_000))
    whole = gzip.compress(text.encode())
    (tmp_path / "a.csv.gz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ValueError, match="damaged or cut short"):
        list(iter_batches(tmp_path / "a.csv.gz", target="y"))


def test_wrong_encoding_offers_the_option(tmp_path):
    (tmp_path / "a.csv").write_bytes("x,y\nköln,1\n".encode("latin-1"))
    with pytest.raises(ValueError, match="encoding"):
        list(iter_batches(tmp_path / "a.csv", target="y"))
    options = {"encoding": "latin-1"}
    (batch,) = iter_batches(tmp_path / "a.csv", target="y", read_options=options)
    assert batch.X["x"].tolist() == ["köln"]


def test_pieces_with_other_columns():
    pieces = [pd.DataFrame({"x": [1], "y": [0]}), pd.DataFrame({"z": [1], "y": [0]})]
    with pytest.raises(ValueError, match="piece 1 of the source has other columns"):
        list(iter_batches(pieces, target="y"))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"batch_size": 0}, "batch_size must be an integer of at least 1"),
        ({"start_row": -1}, "start_row must be an integer of at least 0"),
        ({"missing_target": "drop"}, "missing_target must be 'raise' or 'skip'"),
        ({"sensitive": ["paid"]}, "has two roles"),
        ({"features": ["paid"]}, "features must not hold the target"),
        ({"read_options": {"sep": ";"}}, "read_options are for files"),
        ({"sample_weight": "sex"}, "must hold numbers"),
        (
            {"sample_weight": "negative"},
            "must be finite and not negative, got -1.0 in row 0",
        ),
    ],
)
def test_wrong_arguments(options, message, frame):
    frame["negative"] = -1.0
    with pytest.raises(ValueError, match=message):
        list(iter_batches(frame, **{"target": "paid", **options}))


def test_arguments_are_checked_before_the_first_batch(tmp_path):
    with pytest.raises(FileNotFoundError):
        iter_batches(tmp_path / "no.csv", target="y")


def test_batches_are_immutable():
    batch = StreamBatch(X=[[1.0]], y=[0])
    with pytest.raises(AttributeError):
        batch.y = [1]


@pytest.mark.parametrize(
    "options",
    [
        {"engine": "python"},
        {"dtype": str},
        {"names": list("abc"), "header": 0},
        {"header": None},
    ],
)
def test_options_of_pandas_decide_how_a_file_is_read(options, tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("a,b,c\n1,x,0\n2,y,1\n3,z,0\n")
    target = 2 if "header" in options and options["header"] is None else "c"
    (batch,) = iter_batches(path, target=target, batch_size=9, read_options=options)
    want = pd.read_csv(path, **options)
    pd.testing.assert_frame_equal(
        batch.X.reset_index(drop=True), want.drop(columns=target), check_dtype=False
    )
    assert batch.y.tolist() == want[target].tolist()


def test_empty_pieces_of_a_reader_are_passed_over():
    schema = pa.schema([("x", pa.int64()), ("y", pa.int64())])
    pieces = [
        pa.record_batch({"x": [k] * k, "y": [0] * k}, schema=schema) for k in (0, 2, 0, 1)
    ]
    reader = pa.RecordBatchReader.from_batches(schema, pieces)
    batches = list(iter_batches(reader, target="y", batch_size=2))
    assert [batch.X["x"].tolist() for batch in batches] == [[2, 2], [1]]
