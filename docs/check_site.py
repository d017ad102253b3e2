"""What a finished site must have: ``python docs/check_site.py docs/_build/html``.

Sphinx itself has checked links between the sources. Here the pages that came out are looked
at: every public name is in the index of objects, and every link and picture leads to a file
that exists, with its anchor.
"""

import sys
import zlib
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

sys.path.insert(0, str(Path(__file__).parent))
from _ext.api_pages import public_names


class Page(HTMLParser):
    """Links and anchors of one page."""

    def __init__(self, text: str):
        super().__init__()
        self.links: list[str] = []
        self.anchors: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        """Collect ids, and where links and pictures lead."""
        told = dict(attrs)
        if told.get("id"):
            self.anchors.add(told["id"])
        link = told.get("href" if tag == "a" else "src")
        if link and tag in ("a", "img"):
            self.links.append(link)


def missing_names(site: Path) -> list[str]:
    """Public names that the site's inventory does not have."""
    packed = (site / "objects.inv").read_bytes().split(b"using zlib.\n", 1)[1]
    listed = {line.split(" ")[0] for line in zlib.decompress(packed).decode().splitlines()}
    return [name for name in public_names() if name not in listed]


def broken_links(site: Path) -> list[str]:
    """Links inside the site that lead nowhere."""
    pages = {path: Page(path.read_text(encoding="utf-8")) for path in site.rglob("*.html")}
    broken = []
    for path, page in pages.items():
        for link in page.links:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc or link == "#":
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            anchors = pages[target].anchors if target in pages else None
            lost_anchor = parts.fragment and anchors is not None
            if not target.exists() or (lost_anchor and unquote(parts.fragment) not in anchors):
                broken.append(f"{path.relative_to(site)}: {link}")
    return broken


def main(site: Path) -> None:
    """Say what is wrong and fail, or say what was looked at."""
    faults = [f"not in the API reference: {name}" for name in missing_names(site)]
    faults += [f"leads nowhere: {link}" for link in broken_links(site)]
    if faults:
        raise SystemExit("\n".join(faults))
    pages = len(list(site.rglob("*.html")))
    print(f"{len(public_names())} public names and the links of {pages} pages are there")


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve())
