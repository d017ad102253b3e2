"""The student data as they are described."""

from pathlib import Path

import pytest

from skfeamoe.datasets import fetch_student_math

DATA = Path(__file__).resolve().parents[2].parent / "shared" / "data"
needs_data = pytest.mark.skipif(
    not (DATA / "student_math.csv.gz").exists(), reason="../shared/data is not there"
)


@needs_data
def test_shape_rates_and_roles():
    student = fetch_student_math(path=DATA)
    assert student.data.shape == (395, 31)
    assert not {"sex", "low_final_grade"} & set(student.feature_names)
    assert student.target.mean() == pytest.approx(0.329, abs=0.001)
    rates = student.target.groupby(student.sensitive_features).mean()
    assert rates.round(3).to_dict() == {0: 0.361, 1: 0.294}
    assert student.favorable_label == 0


def test_absent_file_says_what_is_needed(tmp_path):
    with pytest.raises(OSError, match="nothing is downloaded"):
        fetch_student_math(data_home=tmp_path)
