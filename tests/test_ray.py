"""The recipe for Ray Data scores what the model scores, on a real local cluster."""

import numpy as np
import pytest
from raw_tables import make_table

from skfeamoe import FEAMOEClassifier

ray = pytest.importorskip("ray", reason="ray is of no extra: pip install 'ray[data]'")
pytest.importorskip("ray.data", reason="ray.data is of ray[data]")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore"),  # ray has warnings of its own
]


@pytest.fixture(scope="module")
def cluster():
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, configure_logging=False)
    yield
    ray.shutdown()


def test_batches_of_a_ray_data_set_are_scored_where_they_are(cluster, tmp_path):
    frame, y, _ = make_table(1200)
    model = FEAMOEClassifier(None, expert="additive", max_iter=2, random_state=0).fit(frame, y)
    features = list(frame.columns)
    frame.assign(sex=frame["sex"].astype(str), id=np.arange(1200)).to_parquet(
        tmp_path / "loans.parquet"
    )
    scored = (
        ray.data.read_parquet(str(tmp_path))
        .repartition(4)
        .map_batches(
            lambda batch: batch.assign(proba=model.predict_proba(batch[features])[:, 1]),
            batch_format="pandas",
            batch_size=100,
        )
    )
    found = scored.to_pandas().sort_values("id", ignore_index=True)
    expected = model.predict_proba(frame)[:, 1]
    np.testing.assert_array_equal(found["proba"].to_numpy(dtype=float), expected)
