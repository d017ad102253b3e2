"""Arrow datasets, on disk or in object storage, piece by piece and one piece ahead.

Reading waits for disk or network, and training for the processor: while one piece is used the
next is read in a thread. At most three pieces of `READ_ROWS` rows are in memory, and what
Arrow keeps of the part of a file that it reads.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import PurePosixPath
from typing import Any

from skfeamoe._optional import optional

READ_ROWS = 16_384  # rows of a piece: large enough to be fast
FORMATS = {".parquet": "parquet", ".pq": "parquet", ".arrow": "ipc", ".feather": "ipc"}
FORMATS |= {".csv": "csv", ".orc": "orc"}
BUFFER_BYTES = 2**20  # read at a time from each column of a local file
_END = object()


def is_uri(source: str) -> bool:
    """Whether a source is in a store that Arrow knows by its address (s3://, gs://, ...)."""
    return "://" in source


def open_uri(source: str, options: dict[str, Any]) -> Iterator:
    """Frames of a file or a folder of files at an address."""
    arrow = optional("pyarrow", extra="demo", purpose="a source at an address")
    datasets = optional("pyarrow.dataset", extra="demo", purpose="a source at an address")
    suffix = PurePosixPath(source).suffix.lower()
    options = {"format": FORMATS.get(suffix, "parquet"), **options}
    try:
        dataset = datasets.dataset(source, **options)
    except FileNotFoundError as error:
        raise FileNotFoundError(
            f"source {source!r} does not exist; check the address"
        ) from error
    except (arrow.ArrowException, OSError) as error:
        raise ValueError(
            f"source {source!r} could not be opened: {error}; check the address, the right to "
            "read it, and read_options (format, partitioning)"
        ) from error
    return files_frames(dataset, remote=not source.startswith("file:"))


def dataset_frames(dataset) -> Iterator:
    """Frames of a dataset that the user made, with its own filters."""
    batches = dataset.to_batches(batch_size=READ_ROWS, batch_readahead=2, fragment_readahead=1)
    return one_ahead(pandas_of(batch) for batch in batches if batch.num_rows)


def files_frames(dataset, *, remote: bool) -> Iterator:
    """Frames of the files of a dataset, one after the other.

    Arrow's own scan holds a whole row group of Parquet; reading file by file holds a few
    pages, a fifth of the memory. From a remote store whole columns are fetched, since every
    request there costs.
    """
    return one_ahead(
        pandas_of(batch)
        for fragment in dataset.get_fragments()
        for batch in _fragment_batches(fragment, dataset.schema, remote)
        if batch.num_rows
    )


def pandas_of(piece):
    """A pandas frame of a table or a record batch, with an index that has a name as a column.

    pandas writes its index as columns and makes it the index again; a stream has rows in their
    order and no other index, so a column that somebody gave a name would be gone.
    """
    frame = piece.to_pandas()
    named = [name for name in frame.index.names if name in piece.schema.names]
    if not named:
        return frame
    return frame.reset_index(level=named)[[*frame.columns, *named]]  # last, as in the file


def _fragment_batches(fragment, schema, remote: bool) -> Iterator:
    """Record batches of one file, with the columns that its path stands for."""
    datasets = optional("pyarrow.dataset", extra="demo", purpose="a folder of files")
    if not isinstance(fragment, datasets.ParquetFileFragment):
        yield from fragment.to_batches(schema=schema, batch_size=READ_ROWS, batch_readahead=1)
        return
    parquet = optional("pyarrow.parquet", extra="demo", purpose="a Parquet file")
    keys = datasets.get_partition_keys(fragment.partition_expression)
    with parquet.ParquetFile(
        fragment.open(), pre_buffer=remote, buffer_size=0 if remote else BUFFER_BYTES
    ) as file:
        for batch in file.iter_batches(batch_size=READ_ROWS):
            yield _aligned(batch, schema, keys)


def _aligned(batch, schema, keys: dict[str, Any]):
    """A record batch with the columns of the whole dataset."""
    arrow = optional("pyarrow", extra="demo", purpose="a Parquet file")
    columns = []
    for field in schema:
        if field.name in batch.schema.names:
            columns.append(batch.column(field.name).cast(field.type))
        elif field.name in keys:
            constant = arrow.repeat(arrow.scalar(keys[field.name]), batch.num_rows)
            columns.append(constant.cast(field.type))
        else:
            columns.append(arrow.nulls(batch.num_rows, field.type))
    return arrow.RecordBatch.from_arrays(columns, schema=schema)


def one_ahead(items: Iterable) -> Iterator:
    """The items of an iterator, each made in a thread while the one before it is used."""
    iterator = iter(items)
    with ThreadPoolExecutor(1, "one-ahead") as reader:
        waiting = reader.submit(next, iterator, _END)
        while (item := waiting.result()) is not _END:
            waiting = reader.submit(next, iterator, _END)
            yield item
