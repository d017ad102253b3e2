"""Draw the bundled samples from the whole files: ``python docs/make_samples.py FOLDER``.

FOLDER holds ``adult.csv.gz`` and ``hmda_2022_2024.csv.gz``, which docs/datasets.md describes.
Rows are drawn at random with a fixed seed; of the mortgage applications equally many of each
year, in order of the years. The files are written without a time stamp, so that drawing them
again changes no byte.
"""

import gzip
import sys
from pathlib import Path

import pandas as pd

import skfeamoe.datasets

SAMPLES = Path(skfeamoe.datasets.__file__).parent / "samples"


def write(frame: pd.DataFrame, name: str) -> None:
    """Gzip the table without the time of writing."""
    with (SAMPLES / name).open("wb") as raw, gzip.GzipFile("", "wb", 9, raw, mtime=0) as file:
        file.write(frame.to_csv(index=False).encode())


def main(folder: Path) -> None:
    """Both samples."""
    adult = pd.read_csv(folder / "adult.csv.gz", keep_default_na=False)
    write(adult.sample(8_000, random_state=0), "adult.csv.gz")
    hmda = pd.read_csv(folder / "hmda_2022_2024.csv.gz")
    of_each_year = hmda.groupby("year", sort=True).sample(3_000, random_state=0)
    write(of_each_year, "hmda_2022_2024.csv.gz")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
