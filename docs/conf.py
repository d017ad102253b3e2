"""The site: `sphinx-build -W docs docs/_build/html`, which needs no network."""

import os
import sys
import warnings
from pathlib import Path

DOCS = Path(__file__).parent
sys.path.insert(0, str(DOCS))

from _ext.api_pages import write_api_pages  # noqa: E402
from _ext.inventories import write_inventories  # noqa: E402

import skfeamoe  # noqa: E402

os.environ.setdefault("OMP_NUM_THREADS", "1")

project = "skfeamoe"
author = "The skfeamoe developers"
copyright = "The skfeamoe developers, BSD 3-Clause"
version = release = skfeamoe.__version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.intersphinx",
    "numpydoc",
    "myst_parser",
    "sphinx_design",
    "sphinx_copybutton",
    "sphinx_gallery.gen_gallery",
    "sphinx-mathjax-offline",
]
exclude_patterns = ["_build", "_ext", "examples"]
templates_path = ["_templates"]
html_static_path = ["_static"]
# a page that a toctree awaits may come later than the toctree
suppress_warnings = ["toc.empty_glob", "config.cache"]

# Markdown: fences of mathematics and anchors as GitHub shows them, so that pages read in both
myst_enable_extensions = ["colon_fence", "deflist", "dollarmath"]
myst_fence_as_directive = ["math"]
myst_heading_anchors = 4

# API reference
write_api_pages(DOCS / "api")
autosummary_generate = True
autosummary_ignore_module_all = False
default_role = "literal"
autodoc_typehints = "none"
toc_object_entries_show_parents = "hide"
autodoc_member_order = "bysource"
numpydoc_show_class_members = True
numpydoc_show_inherited_class_members = True
numpydoc_class_members_toctree = False
numpydoc_xref_param_type = False

intersphinx_mapping = write_inventories(DOCS / "_build" / "inventories")

# Gallery: every example named plot_ is run, and one that fails fails the build; others need
# what no extra installs, and have tests of their own
warnings.filterwarnings("ignore", message=".*Agg, which is a non-GUI backend.*")
sphinx_gallery_conf = {
    "examples_dirs": "examples",
    "gallery_dirs": "auto_examples",
    "subsection_order": [
        f"examples/{part}" for part in ("begin", "streams", "explain", "move")
    ],
    "filename_pattern": r"plot_[^/]*\.py$",
    "ignore_pattern": r"__init__\.py|lending\.py",
    "within_subsection_order": "FileNameSortKey",
    "abort_on_example_error": True,
    "reference_url": {"skfeamoe": None},
    "doc_module": ("skfeamoe",),
    "backreferences_dir": "api/backreferences",
    "remove_config_comments": True,
    "min_reported_time": 5,
    "download_all_examples": False,
    "show_signature": False,
}

html_theme = "pydata_sphinx_theme"
html_title = "skfeamoe"
html_show_sourcelink = False
html_css_files = ["site.css"]
html_theme_options = {
    "logo": {"text": "skfeamoe"},
    "navbar_align": "left",
    "header_links_before_dropdown": 6,
    "show_prev_next": True,
    "show_toc_level": 2,
    "navigation_with_keys": False,
    "footer_start": ["copyright"],
    "footer_end": ["theme-version"],
    "pygments_light_style": "tango",
}
html_sidebars = {"index": [], "getting_started": [], "changelog": []}


def _inherited_from_others(app, what, name, obj, skip, options):
    """Leave out methods whose words are other projects' and were not written for Sphinx."""
    return True if (getattr(obj, "__module__", None) or "").startswith("river.") else None


def setup(app):
    """Called by Sphinx."""
    app.connect("autodoc-skip-member", _inherited_from_others)
