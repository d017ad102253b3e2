"""Datasets on disk and at addresses: order, columns of paths, and reading one piece ahead."""

import threading

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest

from skfeamoe.streaming import iter_batches
from skfeamoe.streaming._arrow import one_ahead


@pytest.fixture
def frame():
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        {"x": rng.normal(size=300), "y": rng.integers(2, size=300), "g": ["a", "b", "c"] * 100}
    )


def rows_of(source, **options):
    batches = list(iter_batches(source, target="y", sensitive="g", batch_size=64, **options))
    assert [batch.next_row for batch in batches] == [64, 128, 192, 256, 300]
    X = pd.concat([batch.X for batch in batches], ignore_index=True)
    return X.assign(
        y=np.concatenate([batch.y for batch in batches]),
        g=np.concatenate([batch.sensitive_features["g"] for batch in batches]),
    )


@pytest.mark.parametrize("suffix", ["parquet", "csv", "feather"])
def test_an_address_is_read_like_the_file(frame, tmp_path, suffix):
    path = tmp_path / f"loans.{suffix}"
    {"parquet": frame.to_parquet, "feather": frame.to_feather}.get(
        suffix, lambda p: frame.to_csv(p, index=False)
    )(path)
    pd.testing.assert_frame_equal(
        rows_of(path.as_uri()), frame[["x", "y", "g"]], check_dtype=False
    )


def test_a_folder_at_an_address_is_read_in_the_order_of_its_files(frame, tmp_path):
    for part in range(3):
        frame[part * 100 : part * 100 + 100].to_parquet(tmp_path / f"part-{part}.parquet")
    for source in (tmp_path.as_uri(), tmp_path, ds.dataset(tmp_path)):
        pd.testing.assert_frame_equal(rows_of(source), frame, check_dtype=False)


def test_columns_that_stand_in_paths_are_columns(frame, tmp_path):
    by_group = frame.sort_values("g", kind="stable", ignore_index=True)
    partitioning = ds.partitioning(pa.schema([("g", pa.string())]), flavor="hive")
    ds.write_dataset(pa.table(by_group), tmp_path, format="parquet", partitioning=partitioning)
    found = rows_of(tmp_path.as_uri(), read_options={"partitioning": partitioning})
    pd.testing.assert_frame_equal(found[list(frame)], by_group, check_dtype=False)


def test_a_file_that_lacks_a_column_has_holes_there(frame, tmp_path):
    frame[:100].assign(z=1.0).to_parquet(tmp_path / "part-0.parquet")
    frame[100:].to_parquet(tmp_path / "part-1.parquet")
    z = rows_of(tmp_path)["z"]
    assert z.notna().tolist() == [True] * 100 + [False] * 200


@pytest.mark.parametrize("index", [["x"], ["g"], ["g", "x"], ["y", None]])
def test_an_index_with_a_name_is_columns_wherever_it_stands(frame, tmp_path, index):
    """As pandas writes it to Parquet; an index without a name is none."""
    other = frame.index[::-1]
    indexed = frame.set_index([other if name is None else name for name in index])
    indexed.to_parquet(tmp_path / "all.parquet")
    table = pa.Table.from_pandas(indexed)
    sources = [tmp_path / "all.parquet", (tmp_path / "all.parquet").as_uri(), tmp_path]
    for source in (*sources, ds.dataset(tmp_path), table, table.to_batches(max_chunksize=90)):
        found = rows_of(source)
        assert sorted(found) == sorted(frame)
        pd.testing.assert_frame_equal(found[list(frame)], frame, check_dtype=False)


@pytest.mark.parametrize("name", [None, "number"])
def test_numbers_of_rows_that_are_in_no_column_stay_out(frame, tmp_path, name):
    frame.rename_axis(index=name).to_parquet(tmp_path / "all.parquet")
    assert list(rows_of(tmp_path / "all.parquet")) == ["x", "y", "g"]


def test_filters_of_a_dataset_hold(frame, tmp_path):
    pq.write_table(pa.table(frame), tmp_path / "all.parquet", row_group_size=50)
    kept = ds.dataset(tmp_path).filter(ds.field("g") == "b")
    batches = list(iter_batches(kept, target="y", sensitive="g", batch_size=1000))
    np.testing.assert_array_equal(batches[0].X["x"], frame.loc[frame["g"] == "b", "x"])


def test_large_row_groups_come_in_pieces(tmp_path):
    rows = 40_000
    pq.write_table(
        pa.table({"x": np.arange(rows), "y": np.arange(rows) % 2}), tmp_path / "one.parquet"
    )
    batches = list(iter_batches(tmp_path, target="y", batch_size=7_000))
    x = np.concatenate([batch.X["x"] for batch in batches])
    np.testing.assert_array_equal(x, np.arange(rows))


def test_the_next_item_is_made_while_one_is_used():
    second = threading.Event()

    def items():
        yield 1
        second.set()
        yield 2

    ahead = one_ahead(items())
    assert next(ahead) == 1
    assert second.wait(10), "the second item was not made before it was asked for"
    assert list(ahead) == [2]


def test_never_more_than_one_item_ahead():
    made, asked = [], threading.Semaphore(0)

    def items():
        for i in range(5):
            made.append(i)
            asked.release()
            yield i

    ahead = one_ahead(items())
    for used in range(4):
        assert next(ahead) == used
        for _ in range(2 if used == 0 else 1):
            assert asked.acquire(timeout=10)
        assert made == list(range(used + 2))
    ahead.close()


def test_what_goes_wrong_while_reading_ahead_is_raised_in_its_place():
    def items():
        yield 1
        raise OSError("disk gone")

    ahead = one_ahead(items())
    assert next(ahead) == 1
    with pytest.raises(OSError, match="disk gone"):
        next(ahead)


def test_errors_name_the_way_out(tmp_path):
    with pytest.raises(FileNotFoundError, match="does not exist; check the address"):
        list(iter_batches((tmp_path / "no.parquet").as_uri(), target="y"))
    (tmp_path / "bad.parquet").write_bytes(b"not a Parquet file")
    with pytest.raises(ValueError, match=r"could not be opened: .*check the address"):
        list(iter_batches((tmp_path / "bad.parquet").as_uri(), target="y"))
    with pytest.raises(ValueError, match="could not be opened"):
        list(iter_batches("nowhere://bucket/loans", target="y"))
