"""The pages in docs/ keep their word: names resolve, links lead somewhere, code runs."""

import importlib
import re
from pathlib import Path

import pytest

from skfeamoe._fairness.constraints import CONSTRAINTS
from skfeamoe._mixture.experts import EXPERTS
from skfeamoe._training.settings import GROWTH

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = {
    str(path.relative_to(DOCS)): path.read_text(encoding="utf-8")
    for path in sorted(DOCS.rglob("*.md"))
    if not {"_build", "auto_examples"} & set(path.parts)
}

NAME = re.compile(r"(?<![\w./-])skfeamoe(?:\.[A-Za-z_]\w*)+")
LINK = re.compile(r"\]\(<?([^)>\s]+)>?\)")

FIRST = ("index.md", "getting_started.md", "extending.md", "adding/", "guide/streams.md")
"""Pages whose code every run of the tests runs; that of the others is left to `.ci/run`."""

pages = pytest.mark.parametrize("page", PAGES)


def prose(text):
    """Text without blocks of code, whose brackets are no links."""
    return re.sub(r"^```.*?^```", "", text, flags=re.M | re.S)


def resolve(name):
    """The object of a dotted name."""
    parts = name.split(".")
    found, tail = importlib.import_module(parts[0]), parts[1:]
    for depth, part in enumerate(tail, start=2):
        if not hasattr(found, part):
            found = importlib.import_module(".".join(parts[:depth]))
        else:
            found = getattr(found, part)
    return found


def anchors(text):
    """Targets that headings make, as GitHub names them."""
    titles = re.findall(r"^#+ (.*)$", prose(text), flags=re.M)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def unmeasured(text, link):
    """Whether the picture stands in a section that no benchmark has filled yet."""
    sections = re.split(r"^## ", text, flags=re.M)
    empty = re.compile(r"<!-- begin (\w+) -->\s*<!-- end \1 -->")
    return any(link in section and empty.search(section) for section in sections)


@pytest.mark.parametrize("name", ["skfeamoe.nowhere", "skfeamoe.datasets.make_gold"])
def test_a_name_that_is_not_there_is_noticed(name):
    with pytest.raises(ImportError):
        resolve(name)


@pages
def test_names_exist(page):
    missing = []
    for name in sorted(set(NAME.findall(PAGES[page]))):
        try:
            resolve(name)
        except ImportError:
            missing.append(name)
    assert missing == []


@pages
def test_links_and_pictures_exist(page):
    awaited = []
    for link in LINK.findall(prose(PAGES[page])):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (DOCS / page).parent / path if path else DOCS / page
        if re.match("(auto_examples|api)/", path):
            continue  # written by the site's build, which checks such links
        if page == "benchmarks.md" and not target.exists():
            assert unmeasured(PAGES[page], link), f"{page}: {link} is not there"
            awaited.append(link)
            continue
        assert target.exists(), f"{page}: {link} is not there"
        if anchor:
            assert anchor in anchors(target.read_text(encoding="utf-8")), f"{page}: {link}"
    if awaited:
        pytest.skip(f"pictures that the benchmarks have not drawn yet: {awaited}")


def test_every_page_is_in_a_table_of_contents():
    named = set()
    for page, text in PAGES.items():
        for tree in re.findall(r"^```{toctree}\n(.*?)^```", text, flags=re.M | re.S):
            entries = [line for line in tree.splitlines() if line and not line.startswith(":")]
            for entry in entries:
                target = re.sub(r".*<(.*)>", r"\1", entry)
                found = (DOCS / page).parent.glob(f"{target}.md")
                named |= {str(path.relative_to(DOCS)) for path in found}
    assert sorted(PAGES.keys() - named - {"index.md"}) == []


@pages
def test_every_equation_names_its_code(page):
    text = PAGES[page]
    after = re.findall(r"^```math\n.*?^```\n\n?([^\n]*)", text, flags=re.M | re.S)
    assert len(after) == text.count("```math")
    assert [line for line in after if not line.startswith("Code: `skfeamoe.")] == []


def test_constants_are_those_of_the_code():
    table = PAGES["guide/constants.md"]
    rows = re.findall(r"^\| `(skfeamoe\.[\w.]+)` \| ([\d.]+) \|", table, flags=re.M)
    assert rows
    stated = {name: float(value) for name, value in rows}
    assert stated == {name: float(resolve(name)) for name in stated}


@pytest.mark.parametrize("page", [page for page in PAGES if page.startswith("adding/")])
def test_what_is_added_takes_at_most_40_lines(page):
    (code,) = re.findall(r"^```python\n(.*?)^```", PAGES[page], flags=re.M | re.S)
    assert len([line for line in code.splitlines() if line.strip()]) <= 40


@pytest.fixture
def registries():
    """Pages may add to the registries; other tests see them as they were."""
    before = [(registry, dict(registry)) for registry in (CONSTRAINTS, EXPERTS, GROWTH)]
    yield
    for registry, entries in before:
        registry.clear()
        registry.update(entries)


@pytest.mark.usefixtures("registries")
@pytest.mark.filterwarnings("ignore::skfeamoe.FairnessWarning")
@pytest.mark.parametrize(
    "page",
    [
        pytest.param(page, marks=[] if page.startswith(FIRST) else [pytest.mark.ci])
        for page, text in PAGES.items()
        if "```python" in text
    ],
)
def test_code_of_the_pages_runs(page, tmp_path, monkeypatch):
    pytest.importorskip("river", reason='growth="drift" needs river')
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    if "../shared/data" in PAGES[page]:
        if not (shared := ROOT.parent / "shared").exists():
            pytest.skip("the page reads whole data sets, and ../shared/data is not there")
        (tmp_path / "shared").symlink_to(shared)
    names: dict = {}
    for code in re.findall(r"^```python\n(.*?)^```", PAGES[page], flags=re.M | re.S):
        exec(compile(code, page, "exec"), names)
    if page == "getting_started.md":
        assert names["audit"].difference()["approved"] < 0.08
