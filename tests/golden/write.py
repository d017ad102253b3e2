"""``python -m tests.golden.write``: record the golden runs anew.

Do this only for a change of behavior that CHANGELOG.md names.
"""

import json
import warnings

from tests.golden.runs import FOLDER, differences, names, run


def main() -> None:
    """Write every run, and say which ones have changed."""
    warnings.simplefilter("ignore")
    known = set()
    for name, made in names():
        path, found = FOLDER / f"{name}.json", run(**made)
        old = json.loads(path.read_text()) if path.exists() else None
        changed = differences(old, found) if old is not None else ["new"]
        if changed:
            path.write_text(json.dumps(found, indent=1) + "\n")
            print(f"{name}: {len(changed)} changes, first {changed[0]}")
        known.add(path)
    for path in set(FOLDER.glob("*.json")) - known:
        path.unlink()
        print(f"{path.stem}: gone")


if __name__ == "__main__":
    main()
