"""Links to other projects' pages without asking their servers during the build.

Sphinx finds the pages of another project through its inventory, a file on that project's
site. `names.toml` beside this module holds the few entries that we refer to; from it
inventories in Sphinx's format (version 2) are written into the build.
"""

import tomllib
import zlib
from pathlib import Path

HEADER = """\
# Sphinx inventory version 2
# Project: {}
# Version:
# The remainder of this file is compressed using zlib.
"""


def write_inventories(folder: Path) -> dict[str, tuple[str, str]]:
    """Inventories of the projects in ``names.toml``, as ``intersphinx_mapping`` wants them."""
    projects = tomllib.loads(Path(__file__).with_name("names.toml").read_text("utf-8"))
    folder.mkdir(parents=True, exist_ok=True)
    mapping = {}
    for project, said in projects.items():
        lines = [
            f"{name} {role} 1 {path} -\n"
            for role, entries in said["names"].items()
            for name, path in entries.items()
        ]
        packed = zlib.compress("".join(lines).encode())
        path = folder / f"{project}.inv"
        path.write_bytes(HEADER.format(project).encode() + packed)
        mapping[project] = (said["url"], str(path))
    return mapping
