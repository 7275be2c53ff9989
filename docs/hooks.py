"""What MkDocs is told beside mkdocs.yml: pages of whole folders in the navigation, and files from outside docs/."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files, InclusionLevel
from mkdocs.structure.pages import Page

OUTSIDE = ("CHANGELOG.md", "benchmarks/LOG.md")
"""Files of the repository that are pages too, under their paths from its root."""
CARDS = ("agents/lab/models/*/README.md",)
"""Those that pages link to and the navigation does not show."""


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Write out the folders of the navigation, and add the pages that it does not name."""
    docs = Path(config.docs_dir)
    pages = sorted(path.relative_to(docs).as_posix() for path in docs.rglob("*.md"))
    config.nav = written_out(config.nav, [page for page in pages if page not in named(config.nav)])
    if left := sorted(set(pages) - named(config.nav)):
        config.nav.append({"More": left})
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Take in the files from outside."""
    root = Path(config.docs_dir).parent
    for patterns, level in ((OUTSIDE, InclusionLevel.INCLUDED), (CARDS, InclusionLevel.NOT_IN_NAV)):
        for path in sorted(found for pattern in patterns for found in root.glob(pattern)):
            name = path.relative_to(root).as_posix()
            files.append(File.generated(config, name, abs_src_path=str(path), inclusion=level))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Have links that leave docs/ lead to where those files are in the site: one folder further down."""
    up = "../" * page.file.src_uri.count("/")
    return markdown.replace(f"](../{up}", f"]({up}")


def named(nav: Any) -> set[str]:
    """Return the pages that a navigation names."""
    return set(_flat(nav))


def _flat(nav: Any) -> Iterator[str]:
    if isinstance(nav, str):
        yield nav
    else:
        for part in nav.values() if isinstance(nav, dict) else nav:
            yield from _flat(part)


def written_out(nav: Any, pages: list[str]) -> Any:
    """Return a navigation with each FOLDER/* in the place of the pages of that folder that `pages` has."""
    if isinstance(nav, dict):
        return {title: written_out(part, pages) for title, part in nav.items()}
    if isinstance(nav, str):
        return nav
    found: list[Any] = []
    for part in nav:
        if isinstance(part, str) and part.endswith("/*"):
            found += [page for page in pages if page.rpartition("/")[0] == part[:-2]]
        else:
            found.append(written_out(part, pages))
    return found
