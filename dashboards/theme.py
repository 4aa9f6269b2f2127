"""The frame of both pages: theme, header, cards, and small tables in escaped HTML."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import panel as pn
import panel_material_ui as pmui
from bokeh.document import Document
from panel.io.state import state
from panel.util.parameters import edit_readonly
from panel.viewable import Viewable
from panel_material_ui.template.base import Page

from pqkit import charts
from pqkit.domain.states import JobState

from .formatting import NOTHING, safe
from .script_nonces import page_template

FONT = "Inter, Roboto, 'Segoe UI', system-ui, sans-serif"


FIELDS = {
    "MuiInputBase": {"styleOverrides": {"root": {"fontSize": "14px"}}},
    "MuiMenuItem": {"styleOverrides": {"root": {"fontSize": "14px"}}},
    "MuiFormControlLabel": {"styleOverrides": {"label": {"fontSize": "13.5px"}}},
    "MuiInputLabel": {
        "styleOverrides": {
            "root": {"fontSize": "14px"},
            # A menu's label would be lower than a text field's.
            "outlined": {"&:not(.MuiInputLabel-shrink)": {"transform": "translate(14px, 9px)"}},
        }
    },
}
"""Fields, menus and checkboxes have one font size, and their labels share a baseline."""


def _side(ground: str, surface: str, line: str, ink: str, muted: str, **accents: str) -> dict[str, Any]:
    header = {
        "backgroundColor": f"{surface} !important",
        "backgroundImage": "none !important",
        "boxShadow": "none",
        "borderBottom": f"1px solid {line}",
        "& *": {"color": f"{ink} !important"},
        "@media (max-width: 640px)": {"& .MuiTypography-root": {"fontSize": "17px"}},
    }
    return {
        "palette": {
            "background": {"default": ground, "paper": surface},
            "text": {"primary": ink, "secondary": muted},
            "divider": line,
            **{name: {"main": color} for name, color in accents.items()},
        },
        "typography": {"fontFamily": FONT},
        "shape": {"borderRadius": 10},
        "components": {
            "MuiAppBar": {"styleOverrides": {"root": header}},
            "MuiToolbar": {"styleOverrides": {"root": {"minHeight": "52px !important"}}},
            "MuiPaper": {"styleOverrides": {"root": {"backgroundImage": "none"}}},
            **FIELDS,
        },
    }


THEME = {
    "light": _side(
        "#f4f6f9", "#ffffff", "#e1e6ed", "#18212b", "#5a6776",
        primary="#2a62d8", secondary="#6b4bd0", success="#1d7f54", warning="#9a6300", error="#c62f35", info="#2a62d8",
    ),
    "dark": _side(
        "#0f141a", "#161d26", "#2a3441", "#e7edf4", "#97a5b5",
        primary="#7aa7ff", secondary="#b59dff", success="#4cc38a", warning="#f0b429", error="#ff7b7f", info="#7aa7ff",
    ),
}  # fmt: skip

LOW_SELECT = {"& .MuiSelect-select": {"paddingTop": "8.5px", "paddingBottom": "8.5px"}}
"""A menu as high as a small text field."""
FOCUS = {"outline": "2px solid var(--mui-palette-primary-main)", "outlineOffset": "2px", "zIndex": 1}
"""The outline of keyboard focus."""
GROUND = {"& main": {"backgroundColor": "var(--mui-palette-background-default)"}}


def ink(name: str) -> str:
    """The text colour of a state or outcome: the chart's, mixed with the page's text colour."""
    return f"color-mix(in srgb, {charts.color(name)} 78%, var(--mui-palette-text-primary))"


STATES = "".join(f".{name} {{ color: {ink(name)}; }}\n" for name in (*JobState, *charts.OUTCOME_COLORS))
CSS = Path(__file__).with_suffix(".css").read_text() + STATES
TEMPLATE = page_template(Path(__file__).with_name("page.html"))

NOTES = {
    JobState.SCHEDULED: "not due yet",
    JobState.RETRYING: "between attempts",
    JobState.PENDING: "due, waiting",
    JobState.PROCESSING: "being run",
    JobState.COMPLETED: "done",
    JobState.FAILED: "stopped early",
    JobState.UNPROCESSABLE: "to be reviewed",
    JobState.CANCELED: "called off",
}


def make_page(title: str, *main: Viewable, header: Sequence[Viewable] = ()) -> Page:
    """A page in this theme. Use it, not ``pmui.Page``, which links to the server's busy flag.

    That link walks the whole model graph at every callback (a third of the CPU with ten viewers) and keeps every page
    of a closed session alive.
    """
    before = _busy_watchers()
    frame = {"theme_config": THEME, "sx": GROUND, "busy_indicator": None, "site_url": "./", "template": TEMPLATE}
    page = Page(title=title, main=list(main), header=list(header), **frame)
    for watcher in _busy_watchers():
        if watcher not in before:
            state.param.unwatch(watcher)
    with edit_readonly(page):
        page.busy = False
    return page


def _busy_watchers() -> list[Any]:
    return list(state.param.watchers.get("busy", {}).get("value", []))


def current_document() -> Document:
    """The document of the session that runs this code."""
    document = pn.state.curdoc
    assert document is not None, "this code runs in a session only"
    return document


def current_request() -> Any:
    """The request that opened the session."""
    context: Any = current_document().session_context
    return context.request


def start_session() -> None:
    """Set up a session before its first component."""
    pn.extension("tabulator")


class Block(pn.pane.HTML):
    """A pane that contains escaped values only."""

    def __init__(self, **params: Any) -> None:
        super().__init__("", **{"stylesheets": [CSS], "sizing_mode": "stretch_width", "margin": 0, **params})


def card(*inside: Viewable) -> pmui.Paper:
    """A bordered card as wide as its container."""
    return pmui.Paper(
        pn.Column(*inside, sizing_mode="stretch_width", margin=(12, 16), styles={"min-width": "0"}),
        elevation=0,
        variant="outlined",
        margin=0,
        sizing_mode="stretch_width",
        styles={"min-width": "0"},
    )


def row(*cards: pmui.Paper, basis: Sequence[int] = (460, 460), grow: Sequence[int] = (1, 1)) -> pn.Row:
    """Cards side by side if each has ``basis`` pixels, else stacked; ``grow`` shares the rest."""
    for each, pixels, share in zip(cards, basis, grow, strict=True):
        give_room(each, pixels, share)
    # Bokeh limits a row to the page's height, so wrapped cards would overlap what follows.
    styles = {"flex-wrap": "wrap", "gap": "12px", "align-items": "flex-start", "max-height": "none"}
    return pn.Row(*cards, sizing_mode="stretch_width", margin=0, styles=styles)


def give_room(card: Viewable, basis: int, grow: int) -> None:
    """Size a card as ``row`` does, for one that is added to it later."""
    card.styles = {**card.styles, "flex": f"{grow} 1 min({basis}px, 100%)"}


def body(*blocks: Viewable) -> pn.Column:
    """The page's blocks stacked, each as high as its content."""
    for block in blocks:
        block.styles = {**block.styles, "flex": "0 0 auto", "max-height": "none"}
    return pn.Column(
        *blocks,
        sizing_mode="stretch_width",
        margin=0,
        styles={"gap": "12px", "padding": "14px", "width": "100%", "max-width": "1560px", "margin": "0 auto"},
    )


def head(title: str, note: str = "") -> str:
    """A card's title line; ``note`` is HTML of escaped values."""
    return f"<div class='head'><b>{safe(title)}</b><span class='muted'>{note}</span></div>"


def tile(label: str, value: str, note: str = "", level: str = "") -> str:
    """One number with its label and note; escapes everything."""
    quiet = " zero" if value in {"0", NOTHING} else ""
    shown = f"<b class='{level}'>{safe(value)}</b>"
    return f"<div class='tile{quiet}'><span>{safe(label)}</span>{shown}<span class='muted'>{safe(note)}</span></div>"


def tiles(items: Iterable[str]) -> str:
    return f"<div class='tiles'>{''.join(items)}</div>"


def grid(columns: Sequence[tuple[str, str]], rows: Iterable[Sequence[str]], empty: str) -> str:
    """A small table. ``columns`` are (title, class of its cells), ``rows`` escaped HTML."""
    kinds = [kind for _, kind in columns]
    lines = ["".join(f"<td class='{k}'>{cell}</td>" for k, cell in zip(kinds, cells, strict=True)) for cells in rows]
    if not lines:
        return f"<p class='muted'>{safe(empty)}</p>"
    top = "".join(f"<th class='{kind}'>{safe(title)}</th>" for title, kind in columns)
    inside = "".join(f"<tr>{line}</tr>" for line in lines)
    return f"<div class='scroll'><table><thead><tr>{top}</tr></thead><tbody>{inside}</tbody></table></div>"


def marked(kind: str, text: object) -> str:
    """``text`` in the colour of a level or state."""
    return f"<span class='{safe(kind)}'>{safe(text)}</span>"


def banner(text: str) -> str:
    return f"<div class='banner' role='alert'>{safe(text)}</div>"
