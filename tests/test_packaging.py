"""The package: one version, types for users, and a light and honest set of dependencies."""

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import skfeamoe

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
EXTRAS = PROJECT["project"]["optional-dependencies"]

# import names where they are not those of the packages
MODULES = {"mlflow-skinny": "mlflow"}
CHECK = """\
import importlib.abc, json, sys

class Missing(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {blocked!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Missing())
{code}
"""
LEARN = """\
from skfeamoe import FEAMOEClassifier
from skfeamoe.datasets import make_credit_stream
s = make_credit_stream(600, random_state=0)
X, y, group = s.data, s.target, s.sensitive_features
model = FEAMOEClassifier({parameters}random_state=0)
model.partial_fit(X, y, [0, 1], sensitive_features=group)
"""
# what each extra is for, in the fewest lines
USES = {
    "demo": "from skfeamoe._cli import main; main(['demo', '--rows', '2000', '--no-plot'])",
    "drift": LEARN.format(parameters="growth='drift', "),
    "persist": LEARN.format(parameters="") + "import skops.io; skops.io.dumps(model)",
    "onnx": LEARN.format(parameters="")
    + "from skfeamoe.export import to_onnx; to_onnx(model, X[:5])",
}
NONE = (
    LEARN.format(parameters="")
    + "from skfeamoe.inspection import recourse; from skfeamoe import metrics, streaming\n"
    + "model.explain(X[:2], background=X[:10]); model.predict(X)"
)


def packages(requirements):
    """Import names of requirements, those of this project's own extras included."""
    found = set()
    for requirement in requirements:
        name = re.match(r"[\w-]+", requirement)[0]
        if name == "skfeamoe":
            for extra in re.search(r"\[(.*)\]", requirement)[1].split(","):
                found |= packages(EXTRAS[extra])
        else:
            found.add(MODULES.get(name, name.replace("-", "_")))
    return found


def run_without(blocked, code, **options):
    """Run code in a new interpreter in which the blocked packages are not there."""
    command = [sys.executable, "-c", CHECK.format(blocked=blocked, code=code)]
    return subprocess.run(command, capture_output=True, text=True, check=False, **options)


OPTIONAL = set().union(
    *(packages(EXTRAS[name]) for name in EXTRAS if name not in ("test", "docs"))
)


def test_the_core_needs_no_extra(tmp_path):
    done = run_without(OPTIONAL, NONE, cwd=tmp_path)
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("extra", USES)
def test_an_extra_is_enough_alone(extra, tmp_path):
    own = packages(EXTRAS[extra])
    missing = [
        name
        for name in own
        if subprocess.run(
            [sys.executable, "-c", f"import {name}"], capture_output=True, check=False
        ).returncode
    ]
    if missing:
        pytest.skip(f"not installed: {missing}")
    done = run_without(OPTIONAL - own, USES[extra], cwd=tmp_path)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(("extra", "code"), [("drift", USES["drift"])])
def test_what_is_missing_is_named_with_its_extra(extra, code, tmp_path):
    done = run_without(packages(EXTRAS[extra]), code, cwd=tmp_path)
    assert done.returncode
    assert f"skfeamoe[{extra}]" in done.stderr


def test_importing_is_light():
    code = """\
import json, sys, time
import sklearn.base, sklearn.linear_model, sklearn.preprocessing
before = set(sys.modules)
import skfeamoe
print(json.dumps(sorted({name.partition(".")[0] for name in set(sys.modules) - before})))
"""
    told = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    heavy = OPTIONAL | {"pandas", "fairlearn", "shap", "narwhals", "numba"}
    assert set(json.loads(told.stdout)) & heavy == set()


def test_versions_agree():
    assert PROJECT["tool"]["setuptools"]["dynamic"]["version"]["attr"] == "skfeamoe.__version__"
    for name in ("CITATION.cff", "conda/recipe.yaml"):
        text = (ROOT / name).read_text(encoding="utf-8")
        stated = re.search(r'^\s*version: "?([\d.]+)"?$', text, flags=re.M)[1]
        assert stated == skfeamoe.__version__, name


def test_recipe_asks_for_what_the_project_asks_for():
    recipe = (ROOT / "conda" / "recipe.yaml").read_text(encoding="utf-8")
    run = re.search(r"  run:\n((?:    - .*\n)+)", recipe)[1]
    stated = {line.strip("- ").replace(" ", "") for line in run.splitlines()}
    wanted = set(PROJECT["project"]["dependencies"])
    wanted.add(f"python{PROJECT['project']['requires-python']}")
    assert stated == wanted


def test_users_get_the_types():
    assert (Path(skfeamoe.__file__).parent / "py.typed").exists()
    assert "py.typed" in PROJECT["tool"]["setuptools"]["package-data"]["skfeamoe"]
