"""Page templates whose own scripts, and no others, carry the nonce that lets them run."""

import re
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import panel as pn
from jinja2 import BaseLoader, Environment, Template
from panel_material_ui.base import BASE_TEMPLATE

from .security_headers import NONCE

SCRIPT = re.compile(r"<script\b")
MARKED = '<script nonce="{{ nonce }}"'
INLINE, LAUNCH = '<script type="text/javascript">', "<script>"
"""The tags with which Bokeh begins its library's script and the script that starts the page."""


class _Sources(BaseLoader):
    """Loads template files and puts a nonce placeholder in each script, before any value."""

    def __init__(self, files: BaseLoader) -> None:
        self._files = files

    def get_source(self, environment: Environment, template: str) -> tuple[str, str | None, Callable[[], bool] | None]:
        source, name, is_fresh = self._files.get_source(environment, template)
        return SCRIPT.sub(MARKED, source), name, is_fresh


class _Page(Template):
    def render(self, *args: Any, **named: Any) -> str:
        said: dict[str, Any] = dict(*args, **named)
        nonce = number_of(pn.state.curdoc)
        said["bokeh_js"] = _mark(said.get("bokeh_js") or "", INLINE, nonce)
        said["plot_script"] = _mark(said.get("plot_script") or "", LAUNCH, nonce)
        return super().render(said, nonce=nonce)


def _mark(text: str, start: str, nonce: str) -> str:
    """Put the nonce in the first script with that start; an injected one comes later."""
    return str(text).replace(start, start.replace("<script", f'<script nonce="{nonce}"'), 1)


def number_of(document: Any) -> str:
    """The nonce of the response that contains this document; empty if the server makes none."""
    context = document.session_context if document is not None else None
    return getattr(context.request, NONCE, "") if context is not None and context.request is not None else ""


@cache
def page_template(file: Path) -> Template:
    """The template in that file, which may extend the library's templates."""
    known = BASE_TEMPLATE.environment
    assert known.loader is not None
    own = known.overlay(loader=_Sources(known.loader))
    template: Template = own.from_string(SCRIPT.sub(MARKED, file.read_text()), template_class=_Page)
    return template
