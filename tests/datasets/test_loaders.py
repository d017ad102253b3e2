"""The loaders read files, caches and refuse clearly; leaking columns stay out."""

from pathlib import Path
from urllib.error import URLError

import numpy as np
import pandas as pd
import pytest

from skfeamoe.datasets import (
    _adult,
    _compas,
    _gss,
    _hmda,
    fetch_adult,
    fetch_compas,
    fetch_gss_income,
    fetch_hmda,
)

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data"
needs_shared = pytest.mark.skipif(
    not SHARED.is_dir(), reason="../shared/data is not next to the checkout"
)
LOADERS = [
    (fetch_adult, _adult.ADULT),
    (fetch_compas, _compas.COMPAS),
    (fetch_hmda, _hmda.VERSIONS["harmonized"]),
    (fetch_gss_income, _gss.GSS_INCOME),
]
EVERY = pytest.mark.parametrize(
    ("fetch", "table"), LOADERS, ids=[fetch.__name__ for fetch, _ in LOADERS]
)
TEXT = {
    "workclass": ["Private", "?", "State-gov"],
    "education": ["Bachelors", "HS-grad", "HS-grad"],
    "marital-status": ["Divorced", "Divorced", "Widowed"],
    "occupation": ["Sales", "?", "Sales"],
    "relationship": ["Husband", "Wife", "Wife"],
    "native-country": ["Cuba", "India", "?"],
    "class": ["<=50K", ">50K", "<=50K"],
    "sex": ["Male", "Female", "Female"],
    "race": ["White", "Black", "White"],
    "c_charge_degree": ["F", "M", "F"],
    "compas_screening_date": ["2013-05-01", "2014-05-01", "2013-01-02"],
    "ethnicity": ["Hispanic", "Not Hispanic", "Not provided"],
    "loan_type": ["fha", "va", "fha"],
    "property_type": ["manufactured", "multifamily", "manufactured"],
    "loan_purpose": ["refinancing", "home_purchase", "refinancing"],
    "state": ["NY", None, "CA"],
    "marital_status": ["Married", None, "Widowed"],
    "work_status": ["Retired", "School", "School"],
    "occupation_group": ["Sales", None, "Service"],
    "income_000s": [50.0, None, -3.0],
    "two_year_recid": [0, 1, 0],
    "approved": [1, 0, 1],
    "high_income": [0, 1, 0],
    "year": [2014, 2014, 2022],
}
LEAKS = {"decile_score": 5, "realrinc": 9.0, "split": "train", "fnlwgt": 7, "age_cat": "x"}


def small(table):
    """Three rows of a table, with columns beside that must not become features."""
    frame = pd.DataFrame({name: TEXT.get(name, [1, 2, 3]) for name in table.columns})
    if table is _gss.GSS_INCOME:
        frame["education"] = ["Graduate", "High School", None]
    return frame.assign(**LEAKS)


@EVERY
def test_reads_a_file_a_folder_and_a_cache(fetch, table, tmp_path):
    folder = tmp_path / "skfeamoe"
    folder.mkdir()
    small(table).to_csv(folder / table.file_name, index=False)
    small(table).to_csv(tmp_path / "mine.csv", index=False)
    from_file = fetch(path=tmp_path / "mine.csv")
    for other in [
        fetch(path=str(folder)),
        fetch(data_home=tmp_path, download_if_missing=False),
    ]:
        pd.testing.assert_frame_equal(other.frame, from_file.frame)
    assert from_file.feature_names == list(from_file.data.columns) == list(table.features)
    assert not set(from_file.feature_names) & {*LEAKS, *table.sensitive, "year", "state"}
    assert table.target not in from_file.feature_names
    assert from_file.target.isin([0, 1]).all()
    assert from_file.sensitive_features.name == table.sensitive[0]
    assert len(from_file.target_names) == 2
    assert from_file.DESCR


@EVERY
def test_as_arrays_and_as_pair(fetch, table, tmp_path):
    small(table).to_csv(tmp_path / "mine.csv", index=False)
    frame = fetch(path=tmp_path / "mine.csv")
    arrays = fetch(path=tmp_path / "mine.csv", as_frame=False)
    assert arrays.data.dtype == np.float64
    assert arrays.frame is None
    for j, name in enumerate(arrays.feature_names):
        for code, value in zip(arrays.data[:, j], frame.data[name], strict=True):
            if pd.isna(value):
                assert np.isnan(code)
            elif name in arrays.categories:
                assert arrays.categories[name][int(code)] == value
            else:
                assert code == value
    np.testing.assert_array_equal(arrays.target, frame.target)
    np.testing.assert_array_equal(arrays.sensitive_features, frame.sensitive_features)
    X, y = fetch(path=tmp_path / "mine.csv", return_X_y=True)
    pd.testing.assert_frame_equal(X, frame.data)
    pd.testing.assert_series_equal(y, frame.target)


@EVERY
def test_no_file_is_an_oserror_that_says_what_is_wanted(fetch, table, tmp_path):
    for wish in [
        {"path": tmp_path / "no.csv"},
        {"path": tmp_path},
        {"data_home": tmp_path, "download_if_missing": False},
    ]:
        with pytest.raises(OSError, match="does not exist") as caught:
            fetch(**wish)
        assert table.file_name in str(caught.value)
        assert ", ".join(table.columns) in str(caught.value)


@pytest.mark.parametrize("fetch", [fetch_hmda, fetch_gss_income])
def test_where_nothing_can_be_downloaded_the_error_says_so(fetch, tmp_path):
    with pytest.raises(OSError, match="nothing is downloaded"):
        fetch(data_home=tmp_path, download_if_missing=True)


@EVERY
def test_a_missing_column_is_named_with_its_neighbors(fetch, table, tmp_path):
    frame = small(table).rename(columns={"age": "AGE", "loan_purpose": "loan_purposes"})
    frame.to_csv(tmp_path / "mine.csv", index=False)
    expected = r"'loan_purpose' \(close to 'loan_purposes'|'age' \(close to .*'AGE'"
    with pytest.raises(ValueError, match=expected):
        fetch(path=tmp_path / "mine.csv")


@EVERY
def test_unreadable_files_are_refused(fetch, table, tmp_path):
    (tmp_path / "empty.csv").write_text("")
    small(table)[:0].to_csv(tmp_path / "header.csv", index=False)
    for name in ["empty.csv", "header.csv"]:
        with pytest.raises(ValueError, match=f"{name} has no rows"):
            fetch(path=tmp_path / name)
    (tmp_path / "text.csv.gz").write_text("a,b\n1,2\n")
    with pytest.raises(ValueError, match=r"text\.csv\.gz cannot be read as CSV"):
        fetch(path=tmp_path / "text.csv.gz")


@EVERY
def test_a_strange_label_is_refused(fetch, table, tmp_path):
    frame = small(table).astype({table.target: object})
    frame.loc[1, table.target] = "maybe"
    frame.to_csv(tmp_path / "mine.csv", index=False)
    with pytest.raises(ValueError, match=f"'{table.target}' must hold .* 'maybe' in"):
        fetch(path=tmp_path / "mine.csv")


def test_question_marks_of_adult_are_missing(tmp_path):
    small(_adult.ADULT).to_csv(tmp_path / "mine.csv", index=False)
    adult = fetch_adult(path=tmp_path / "mine.csv")
    assert adult.data["workclass"].isna().tolist() == [False, True, False]
    assert "?" not in adult.categories["workclass"]
    assert adult.target.tolist() == [0, 1, 0]
    assert adult.time is None


def test_groups_and_several_sensitive_columns(tmp_path):
    small(_adult.ADULT).to_csv(tmp_path / "mine.csv", index=False)
    path = tmp_path / "mine.csv"
    women = fetch_adult(path=path, groups=["Female"])
    assert women.sensitive_features.tolist() == ["Female", "Female"]
    assert women.data.index.tolist() == women.target.index.tolist() == [0, 1]
    both = fetch_adult(path=path, sensitive=["sex", "race"], groups={"race": ["White"]})
    assert both.sensitive_features.to_numpy().tolist() == [
        ["Male", "White"],
        ["Female", "White"],
    ]
    kept = fetch_adult(path=path, include_sensitive=True)
    assert kept.feature_names[-2:] == ["sex", "race"]
    assert kept.data["sex"].dtype == "category"
    for wrong, message in [
        ({"groups": ["Femal"]}, r"'Femal' \(close to 'Female'"),
        ({"sensitive": "gender"}, r"sensitive must be one or more of \['sex', 'race'\]"),
        ({"sensitive": []}, r"sensitive must name one or more of"),
        ({"sensitive": ["sex", "race"], "groups": ["Male"]}, "groups must be a mapping"),
        ({"groups": {"race": ["White"]}}, r"key 'race', which is not in \['sex'\]"),
    ]:
        with pytest.raises(ValueError, match=message):
            fetch_adult(path=path, **wrong)


def test_a_download_is_kept_and_read_again(tmp_path, monkeypatch):
    download = small(_adult.ADULT).replace("?", np.nan).astype({"sex": "category"})
    monkeypatch.setattr(_adult, "_download", lambda: download)
    first = fetch_adult(data_home=tmp_path)
    again = fetch_adult(data_home=tmp_path, download_if_missing=False)
    pd.testing.assert_frame_equal(first.frame, again.frame)
    assert first.data["workclass"].isna().sum() == 1


def test_a_failed_download_says_what_to_do(tmp_path, monkeypatch):
    def unreachable():
        raise URLError("no route")

    monkeypatch.setattr(_adult, "_download", unreachable)
    with pytest.raises(OSError, match=r"could not be downloaded .*Give path= a CSV file"):
        fetch_adult(data_home=tmp_path)
    assert not (tmp_path / "skfeamoe").exists()


def test_the_publishers_compas_file_is_filtered(tmp_path):
    raw = pd.concat([small(_compas.COMPAS)] * 2, ignore_index=True).assign(
        days_b_screening_arrest=[0, 31, -30, 5, 5, np.nan],
        is_recid=[0, 0, 1, -1, 1, 0],
        score_text=["Low", "Low", "High", "Low", "N/A", "Low"],
    )
    folder = tmp_path / "skfeamoe"
    folder.mkdir()
    raw.to_csv(folder / _compas.PUBLISHER_FILE, index=False)  # as if downloaded before
    fetched = fetch_compas(data_home=tmp_path)
    given = fetch_compas(path=folder / _compas.PUBLISHER_FILE)
    for compas in (fetched, given):
        assert compas.sensitive_features.tolist() == ["White", "White"]
        assert "decile_score" not in compas.data
    assert (folder / _compas.COMPAS.file_name).exists()


def test_compas_can_end_before_the_censored_months(tmp_path):
    small(_compas.COMPAS).to_csv(tmp_path / "mine.csv", index=False)
    path = tmp_path / "mine.csv"
    assert len(fetch_compas(path=path, screened_before="2014-04-01").target) == 2
    with pytest.raises(ValueError, match="leaves no rows; the first is of 2013-01-02"):
        fetch_compas(path=path, screened_before="2012-01-01")
    with pytest.raises(ValueError, match="screened_before must be a day"):
        fetch_compas(path=path, screened_before="spring")


def test_hmda_cleans_counts_and_knows_withheld_values(tmp_path):
    small(_hmda.VERSIONS["harmonized"]).to_csv(tmp_path / "mine.csv", index=False)
    path = tmp_path / "mine.csv"
    hmda = fetch_hmda(path=path, sensitive="ethnicity")
    assert hmda.n_cleaned == {"income_000s": 1}
    assert hmda.data["income_000s"].tolist()[::2] == [50.0, 0.0]
    assert np.isnan(hmda.data["income_000s"][1])
    assert hmda.sensitive_features.isna().tolist() == [False, False, True]
    assert hmda.frame["ethnicity"].tolist()[2] == "Not provided"
    assert fetch_hmda(path=path, clean=False).data["income_000s"][2] == -3.0
    assert fetch_hmda(path=path, include_proxies=True).feature_names[-1] == "state"
    assert fetch_hmda(path=path, years=2022).time.tolist() == [2022]
    with pytest.raises(ValueError, match=r"years must be among \[2014, 2022\], got 2015"):
        fetch_hmda(path=path, years=[2014, 2015])
    with pytest.raises(ValueError, match="version must be one of 'harmonized'"):
        fetch_hmda(version="harmonised")


def test_education_of_the_gss_is_ordered(tmp_path):
    small(_gss.GSS_INCOME).to_csv(tmp_path / "mine.csv", index=False)
    education = fetch_gss_income(path=tmp_path / "mine.csv").data["education"]
    assert education.cat.ordered
    assert education.max() == "Graduate"


@needs_shared
@pytest.mark.parametrize(
    ("fetch", "options", "n_samples", "base_rate"),
    [
        (fetch_adult, {}, 48842, 0.239),
        (fetch_compas, {}, 6172, 0.455),
        (fetch_hmda, {"version": "2014-2017"}, 53620, 0.762),
        (fetch_hmda, {"version": "2022-2024"}, 90000, 0.771),
        (fetch_hmda, {}, 137817, 0.7756),
        (fetch_hmda, {"groups": ["White", "Black"]}, 110812 + 12991, 0.7746),
        (fetch_gss_income, {}, 37825, 0.499),
    ],
)
def test_shared_files_have_their_documented_sizes(fetch, options, n_samples, base_rate):
    bunch = fetch(path=SHARED, **options)
    assert len(bunch.data) == len(bunch.target) == len(bunch.sensitive_features) == n_samples
    assert bunch.target.mean() == pytest.approx(base_rate, abs=6e-4)
    assert not set(bunch.feature_names) & {
        *LEAKS,
        "sex",
        "race",
        "ethnicity",
        "year",
        "state",
    }


@needs_shared
def test_shared_hmda_loan_to_value_is_clipped():
    hmda = fetch_hmda(path=SHARED, version="2022-2024")
    assert hmda.data["loan_to_value_pct"].max() == 200
    raw = pd.read_csv(SHARED / _hmda.VERSIONS["2022-2024"].file_name)
    absurd = int((raw["loan_to_value_pct"] > 200).sum())
    assert hmda.n_cleaned == {"loan_to_value_pct": absurd, "income_000s": 70}
    assert hmda.data["loan_to_value_pct"].isna().sum() == 8171
