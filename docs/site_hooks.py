"""Pages of the site that stand at the top of the repository, and links that differ there."""

import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

REPO = Path(__file__).parent.parent
OUTSIDE = {"CHANGELOG.md": "changelog.md", "CONTRIBUTING.md": "contributing.md", "SECURITY.md": "security.md"}
UP = re.compile(r"\]\(((?:\.\./)+)([A-Z]+\.md)(#[\w-]+)?\)")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    for name, page in OUTSIDE.items():
        text = (REPO / name).read_text().replace("](docs/", "](")
        for other, target in OUTSIDE.items():
            text = text.replace(f"]({other}", f"]({target}")
        files.append(File.generated(config, page, content=text))
    return files


def on_page_markdown(markdown: str, **_: object) -> str:
    return UP.sub(_inside, markdown)


def _inside(link: re.Match[str]) -> str:
    """The same link within the site: ``../README.md#install`` is ``index.md#install`` there."""
    up, name, anchor = link[1].removeprefix("../"), link[2], link[3] or ""
    return f"]({up}{OUTSIDE.get(name, 'index.md')}{anchor})"
