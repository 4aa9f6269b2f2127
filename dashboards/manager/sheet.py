"""The sheet that opens before anything is done: what it will touch, why, and for much or for good a word to type."""

from collections.abc import Awaitable, Callable, Sequence

import panel as pn
import panel_material_ui as pmui
from panel.viewable import Viewable

from .. import shell
from ..lock import locked

Go = Callable[[str | None], Awaitable[bool]]
FIELD = {"size": "small", "variant": "outlined", "margin": 0, "sizing_mode": "stretch_width"}
NARROW = {**FIELD, "styles": {"flex": "1 1 150px", "min-width": "0"}}
# The same height as a text field's.
CHOICE = {
    **NARROW,
    "sx": {"& .MuiSelect-select": {"paddingTop": "8.5px", "paddingBottom": "8.5px"}},
}
BUTTON = {"size": "small", "margin": 0, "disable_elevation": True}


def button(label: str, press: Callable[..., object], *, strong: bool = False, **more: object) -> pmui.Button:
    look = {"variant": "contained" if strong else "outlined", "color": "primary"}
    return pmui.Button(label=label, on_click=locked(press), **{**BUTTON, **look, **more})


def offer(choice: pmui.Select, names: Sequence[str]) -> None:
    """Let the person choose among these; what was chosen stays so. Nothing is offered where there are none: a menu that
    is opened empty stays empty."""
    if choice.options != list(names):
        kept = choice.value if choice.value in names else next(iter(names), None)
        choice.param.update(options=list(names), value=kept)
    choice.visible = bool(names)


def line(*inside: Viewable) -> pn.FlexBox:
    """Side by side, and below each other where it is narrow."""
    return pn.FlexBox(*inside, gap="10px", align_items="center", margin=0, sizing_mode="stretch_width")


class Sheet:
    """One open question at a time."""

    def __init__(self) -> None:
        self._words, self._fields = shell.Block(), line()
        self._reason = pmui.TextInput(label="Why (goes on record)", **FIELD)
        self._typed = pmui.TextInput(label="", visible=False, **FIELD)
        self._do = button("Do it", self._pressed, strong=True)
        back = button("Back", self.close)
        inside = pn.Column(
            self._words, self._fields, self._reason, self._typed, line(self._do, back),
            sizing_mode="stretch_width", margin=0, styles={"gap": "12px"},
        )  # fmt: skip
        self.view = shell.card(inside)
        self.view.visible = False
        self._go: Go | None = None
        self._needs: str | None = None

    def open(self, words: str, label: str, go: Go, fields: Sequence[Viewable] = (), needs: str | None = None) -> None:
        """Ask. ``words`` is HTML of escaped values, ``label`` what the button says, ``needs`` what must be typed."""
        self._words.object, self._go, self._needs = words, go, needs
        self._fields.objects = list(fields)
        self._do.param.update(label=label, disabled=False)
        self._reason.value = ""
        self._typed.param.update(label=f"Type {needs} to go on", value="", visible=needs is not None, error_state=False)
        self.view.visible = True

    def close(self, *_: object) -> None:
        self.view.visible, self._go = False, None
        self._fields.objects = []

    async def _pressed(self, *_: object) -> None:
        if self._go is None:
            return
        if self._needs is not None and self._typed.value.strip().replace(",", "") != self._needs:
            self._typed.error_state = True
            return
        self._do.disabled = True
        go = self._go
        if await go(self._reason.value.strip() or None) and go is self._go:
            self.close()
        else:
            self._do.disabled = False
