"""Files of models: whole, refused by name when they are not, and without people if asked."""

import hashlib
import io
import os
import pickle
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import pytest
from lending import assert_same_state, frozen, make_lending, stream
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from skfeamoe import FEAMOEClassifier
from skfeamoe.persistence import FORMAT, load, save, without_people

skops = pytest.importorskip("skops.io", reason="skops is an extra")

OLD = Path(__file__).parent / "files" / "model_1.skops"
"""Written by the first version that seals files; it must load, or be refused by name."""

X, Y, GROUP = make_lending(1500)


@pytest.fixture(scope="module")
def model():
    return stream(
        FEAMOEClassifier(difference_bound=0.2, growth="drift", random_state=0), X, Y, GROUP
    )


@pytest.fixture(scope="module")
def whole(model, tmp_path_factory):
    path = tmp_path_factory.mktemp("files") / "model.skops"
    save(model, path)
    return path.read_bytes()


def assert_refused(path, content, words="is damaged"):
    path.write_bytes(content)
    with pytest.raises(ValueError, match=words) as caught:
        load(path)
    assert repr(str(path)) in str(caught.value)


def test_what_is_saved_learns_on_bit_for_bit(model, whole, tmp_path):
    (tmp_path / "m").write_bytes(whole)
    read = load(tmp_path / "m")
    assert_same_state(read._model, model._model)
    assert read.get_params() == model.get_params()
    unbroken = pickle.loads(frozen(model))
    for each in (unbroken, read):
        stream(each, X[:200], Y[:200], GROUP[:200])
    assert_same_state(read._model, unbroken._model)


def test_sealed_files_are_skops_files(model, whole):
    read = skops.loads(whole, trusted=["skfeamoe._feamoe.FEAMOEClassifier"])
    np.testing.assert_array_equal(read.predict_proba(X), model.predict_proba(X))


@pytest.mark.parametrize(
    "n_flips", [60, pytest.param(1000, marks=pytest.mark.slow)], ids=["some", "thousand"]
)
def test_no_bit_can_flip_unnoticed(whole, tmp_path, n_flips):
    rng = np.random.default_rng(0)
    for bit in rng.choice(8 * len(whole), n_flips, replace=False):
        content = bytearray(whole)
        content[bit // 8] ^= 1 << (bit % 8)
        assert_refused(tmp_path / "m", content, "is damaged|not written by skfeamoe|has format")


def test_every_bit_of_the_seal_and_the_directory_matters(whole, tmp_path):
    for place in range(len(whole) - 130, len(whole)):
        content = bytearray(whole)
        content[place] ^= 1
        assert_refused(tmp_path / "m", content, "is damaged|not written by skfeamoe|has format")


def test_a_cut_file_is_refused(whole, tmp_path):
    archive = zipfile.ZipFile(io.BytesIO(whole))
    starts = [entry.header_offset for entry in archive.infolist()]
    cuts = {0, 1, 3, 4, 30, len(whole) - 1, len(whole) - 64, len(whole) - 65, len(whole) - 150}
    cuts |= {archive.start_dir, archive.start_dir + 7, len(whole) // 2}
    cuts |= {start + shift for start in starts[:10] for shift in (0, 5, 30, 60)}
    for cut in sorted(cuts):
        words = "is damaged" if cut > 1 else "not written by skfeamoe"
        assert_refused(tmp_path / "m", whole[:cut], words)
    assert_refused(tmp_path / "m", whole + b"\0", "is damaged")


def test_foreign_files_are_refused_by_name(model, whole, tmp_path):
    joblib.dump(model, tmp_path / "j")
    for content in (
        b"",
        b"my thesis",
        (tmp_path / "j").read_bytes(),
        skops.dumps(StandardScaler()),
    ):
        assert_refused(tmp_path / "m", content, "not written by skfeamoe.persistence.save")
    with pytest.raises(FileNotFoundError):
        load(tmp_path / "nowhere")


def sealed_again(archive_of):
    """A file with a seal of its own, as somebody who knows how would make it."""
    file = io.BytesIO(archive_of)
    with zipfile.ZipFile(file, "a") as archive:
        archive.comment = b"skfeamoe model 1 written by 0.1.0, sha256 " + b"0" * 64
    content = file.getvalue()[:-64]
    return content + hashlib.sha256(content).hexdigest().encode()


def test_other_formats_are_refused_with_the_way_out(whole, tmp_path):
    later = whole.replace(b"skfeamoe model 1 written", b"skfeamoe model 9 written")[:-64]
    content = later + hashlib.sha256(later).hexdigest().encode()
    assert_refused(
        tmp_path / "m",
        content,
        f"has format 9, .* reads format {FORMAT}; load it with skfeamoe",
    )


def test_types_that_could_run_something_are_refused(tmp_path):
    pipeline = make_pipeline(FunctionTransformer(np.log), StandardScaler())
    pipeline.steps.append(("ours", FEAMOEClassifier()))
    save(pipeline, tmp_path / "m")
    assert isinstance(load(tmp_path / "m")[-1], FEAMOEClassifier)  # NumPy's functions are safe
    pipeline.steps[0] = ("step", FunctionTransformer(subprocess.check_output))
    save(pipeline, tmp_path / "m")
    with pytest.raises(
        ValueError, match=r"not known to be safe: \['subprocess.check_output'\]"
    ):
        load(tmp_path / "m")
    assert load(tmp_path / "m", trusted=["subprocess.check_output"])


def test_a_bomb_is_not_unpacked(whole, tmp_path):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("schema.json", b" " * 50_000_000)
    assert len(file.getvalue()) < 100_000
    assert_refused(tmp_path / "m", sealed_again(file.getvalue()), "could unpack to any size")


def test_links_and_paths_in_an_archive_lead_nowhere(tmp_path):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("../../outside", b"x")
        link = zipfile.ZipInfo("schema.json")
        link.external_attr = 0o120777 << 16
        archive.writestr(link, b"/etc/passwd")
    assert_refused(tmp_path / "m", sealed_again(file.getvalue()), "cannot be read")
    assert [path.name for path in tmp_path.iterdir()] == ["m"]
    assert not (tmp_path.parent / "outside").exists()


LIMITED = """
import resource, sys
sys.path.insert(0, {tests!r})
from lending import make_lending
from skfeamoe import FEAMOEClassifier
from skfeamoe.persistence import save
X, y, _ = make_lending(300)
model = FEAMOEClassifier(constraints=None, random_state=1).fit(X, y)
resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit}))
import signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
try:
    save(model, {path!r})
except OSError as error:
    print("refused", error.errno)
"""


def test_on_a_full_disk_the_old_file_stays(whole, tmp_path):
    pytest.importorskip("resource", reason="limits of POSIX")
    path = tmp_path / "model.skops"
    path.write_bytes(whole)
    code = LIMITED.format(tests=str(Path(__file__).parent), limit=4096, path=str(path))
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert run.stdout.startswith("refused"), run.stderr
    assert path.read_bytes() == whole
    assert [file.name for file in tmp_path.iterdir()] == ["model.skops"]


def test_in_a_read_only_folder_the_old_file_stays(model, whole, tmp_path):
    folder = tmp_path / "kept"
    folder.mkdir()
    path = folder / "model.skops"
    path.write_bytes(whole)
    folder.chmod(0o555)
    if os.access(folder, os.W_OK):
        pytest.skip("who runs this may write anywhere (setpriv --bounding-set=-dac_override)")
    for target in (path, folder / "new.skops"):
        with pytest.raises(PermissionError, match="kept"):
            save(model, target)
    folder.chmod(0o755)
    assert path.read_bytes() == whole
    assert [file.name for file in folder.iterdir()] == ["model.skops"]


def test_the_old_file_loads(tmp_path):
    """A file of format 1; should it not load any more, it must be refused by name."""
    old = load(OLD)
    rows, labels, groups = make_lending(200, seed=7)
    expected = np.load(OLD.with_suffix(".npy"))
    np.testing.assert_allclose(old.predict_proba(rows)[:, 1], expected, rtol=0, atol=1e-12)
    before = old.n_samples_seen_
    stream(old, rows, labels, groups)
    assert old.n_samples_seen_ == before + 200


# ------------------------------------------------------------------------- without people


def rows_in(content, rows):
    """How many of some numbers, each of them unlike all others, are in a file."""
    return sum(np.float64(value).tobytes() in content for value in np.ravel(rows))


def whole_rows_in(content, rows):
    """How many rows are in a file, number by number."""
    return sum(row.tobytes() in content for row in np.ascontiguousarray(rows))


def kinds():
    frame = pd.DataFrame(X, columns=[f"c{j}" for j in range(X.shape[1])])
    frame["town"] = np.random.default_rng(0).choice(["north", "south"], len(X))
    yield "logistic", {"growth": "drift"}, X
    yield "schedule", {"control": "schedule"}, X
    yield "additive", {"expert": "additive"}, X
    yield "network", {"expert": "mlp"}, X
    yield "table", {"growth": "drift"}, frame


@pytest.mark.parametrize(
    ("parameters", "rows"), [k[1:] for k in kinds()], ids=[k[0] for k in kinds()]
)
def test_without_people_no_row_is_in_the_file(parameters, rows, tmp_path):
    parameters = {"difference_bound": 0.3, "random_state": 0, **parameters}
    model = FEAMOEClassifier(**parameters)
    for start in range(0, len(Y), 50):
        part = slice(start, start + 50)
        model.partial_fit(rows[part], Y[part], [0, 1], sensitive_features=GROUP[part])
    before = frozen(model)
    shared = without_people(model)
    assert frozen(model) == before
    numbers = np.asarray(X)
    for name, each in (("kept", model), ("shared", shared)):
        save(each, tmp_path / name)
    assert rows_in((tmp_path / "kept").read_bytes(), numbers) > 0.5 * numbers.size
    single = rows_in((tmp_path / "shared").read_bytes(), numbers)
    knots = 0
    if hasattr(shared._terms, "numbers"):
        knots = sum(len(k.knots) + len(k.atoms) for k in shared._terms.numbers.knots)
    assert single <= knots
    assert not whole_rows_in((tmp_path / "shared").read_bytes(), numbers)
    assert whole_rows_in((tmp_path / "kept").read_bytes(), numbers)
    read = load(tmp_path / "shared")
    np.testing.assert_array_equal(read.predict_proba(rows), model.predict_proba(rows))
    assert_same_state(read._model, shared._model)
    with pytest.raises(ValueError, match="background must be given"):
        read.explain(rows[:2])
    a, b = (each.explain(rows[:2], background=rows[:20]).values for each in (read, model))
    np.testing.assert_allclose(a, b)
    for start in range(0, len(Y), 50):
        part = slice(start, start + 50)
        read.partial_fit(rows[part], Y[part], sensitive_features=GROUP[part])
    assert read.n_samples_seen_ == 2 * len(Y)
    gap = read.group_gaps_["demographic_parity"]
    assert gap < 0.5


def test_without_people_the_value_of_nearly_everybody_stays():
    rows = X.copy()
    rows[:, 0] = np.random.default_rng(0).random(len(X)) < 0.01
    model = FEAMOEClassifier(random_state=0).fit(rows, Y, sensitive_features=GROUP)
    shared = without_people(model)
    assert shared._model.terms.usual[0] == 0.0
    assert np.isnan(shared._model.terms.usual[1:]).all()
    assert not np.isnan(model._model.terms.usual).any()
    np.testing.assert_array_equal(shared.predict_proba(rows), model.predict_proba(rows))


def test_without_people_a_heavy_row_that_came_twice_is_gone(tmp_path):
    weight = np.r_[np.ones(len(X) - 1), 100.0]
    model = FEAMOEClassifier(random_state=0)
    for part in (slice(0, -1), slice(-1, None), slice(-1, None)):
        told = {"sensitive_features": GROUP[part], "sample_weight": weight[part]}
        model.partial_fit(X[part], Y[part], [0, 1], **told)
    assert (model._model.terms.votes == 100.0).all()
    save(without_people(model), tmp_path / "shared")
    assert not whole_rows_in((tmp_path / "shared").read_bytes(), np.asarray(X))


def test_without_people_takes_models_and_pipelines_only(model):
    pipeline = make_pipeline(StandardScaler().fit(X), model)
    shared = without_people(pipeline)
    np.testing.assert_array_equal(shared.predict(X), pipeline.predict(X))
    assert len(shared[-1].background_) == 0
    assert len(model.background_) > 0
    with pytest.raises(TypeError, match=r"must be a FEAMOEClassifier.*got StandardScaler"):
        without_people(StandardScaler())
    with pytest.raises(Exception, match="not fitted"):
        without_people(FEAMOEClassifier())


def test_messages_name_the_version(whole):
    assert re.search(rb"skfeamoe model 1 written by 0\.1\.0, sha256 [0-9a-f]{64}$", whole)
