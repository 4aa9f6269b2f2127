"""Confirmation dialog: preview, reason, and a typed word for large or final actions."""

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from typing import ClassVar

import panel as pn
import panel_material_ui as pmui
from panel.viewable import Viewable

from .. import theme
from ..document_lock import waited_for
from .session import Desk
from .widgets import stack

Go = Callable[[str | None], Awaitable[bool]]
FIELD = {"size": "small", "variant": "outlined", "margin": 0, "sizing_mode": "stretch_width"}
NARROW = {**FIELD, "styles": {"flex": "1 1 150px", "min-width": "0"}}
# The same height as a text field.
CHOICE = {
    **NARROW,
    "sx": {"& .MuiSelect-select": {"paddingTop": "8.5px", "paddingBottom": "8.5px"}},
}
# Beside the buttons that act on the choice.
PICK = {**CHOICE, "styles": {"flex": "0 1 190px", "min-width": "120px"}}
WHOLE_LINE = {
    **FIELD,
    "styles": {"grid-column": "1 / -1"},
    "sx": {"& textarea": {"fontFamily": "ui-monospace, monospace", "fontSize": "13px"}},
}
# The question stays visible while the page below scrolls.
STICKS = """:host { position: sticky; top: 8px; z-index: 5; max-height: calc(100vh - 80px) !important; overflow: auto;
  border-radius: 10px; box-shadow: 0 8px 28px rgb(0 0 0 / .2); }"""
BUTTON = {"size": "small", "margin": 0, "disable_elevation": True}


def button(label: str, press: Callable[..., object], *, strong: bool = False, **more: object) -> pmui.Button:
    look = {"variant": "contained" if strong else "outlined", "color": "primary"}
    return pmui.Button(label=label, on_click=waited_for(press), **{**BUTTON, **look, **more})


class Choice(pmui.Select):
    """A menu that reports its choice at once; Panel would wait 50 ms for another one."""

    _debounce: ClassVar[int] = 0


def offer(choice: pmui.Select, names: Sequence[str]) -> None:
    """Offer these names and keep the current choice.

    A menu without names is hidden: one that is opened empty stays empty.
    """
    if choice.options != list(names):
        kept = choice.value if choice.value in names else next(iter(names), None)
        choice.param.update(options=list(names), value=kept)
    choice.visible = bool(names)


def line(*inside: Viewable) -> pn.Row:
    """Widgets side by side, stacked on a narrow page."""
    # Not pn.FlexBox, which takes the server five times as long.
    styles = {"flex-wrap": "wrap", "gap": "10px", "max-height": "none"}
    return pn.Row(*_level(inside), margin=0, sizing_mode="stretch_width", styles=styles)


def _level(beside: Sequence[Viewable]) -> list[Viewable]:
    for each in beside:
        each.align = "center"
    return list(beside)


class Buttons:
    """A line of fixed widgets followed by buttons, each made when it is first shown.

    An invisible button would slow down the first page as much as a visible one.
    """

    def __init__(self, make: Mapping[str, Callable[[], pmui.Button]], *always: Viewable) -> None:
        self._make, self._always = make, always
        self._made: dict[str, pmui.Button] = {}
        self.view = line(*always)

    def show(self, names: Collection[str]) -> None:
        """Show exactly these buttons, in the order of their declaration."""
        new = {name: make() for name, make in self._make.items() if name in names and name not in self._made}
        self._made |= new
        for name, each in self._made.items():
            each.visible = name in names
        if new:
            made = (self._made[name] for name in self._make if name in self._made)
            self.view.objects = _level([*self._always, *made])


def columns(*inside: Viewable, least: int = 210) -> pn.Row:
    """Fields in columns of equal width, at least ``least`` pixels, aligned at the top."""
    widths = f"repeat(auto-fill, minmax(min({least}px, 100%), 1fr))"
    styles = {"display": "grid", "grid-template-columns": widths, "gap": "12px 10px", "align-items": "start"}
    return pn.Row(*inside, margin=0, sizing_mode="stretch_width", styles=styles)


class Sheet:
    """The dialog, with one open question at a time; built for the first one."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self.view = pn.Column(visible=False, sizing_mode="stretch_width", margin=0, stylesheets=[STICKS])
        self._go: Go | None = None
        self._needs: str | None = None
        self._verb = ""

    def _make(self) -> Viewable:
        self._words, self._fields = theme.Block(), columns()
        self._reason = pmui.TextInput(label="Why (goes on record)", **FIELD)
        self._typed = pmui.TextInput(label="", visible=False, **FIELD)
        self._password = pmui.PasswordInput(label="Your password, once more", visible=False, **FIELD)
        self._do = button("Do it", self._pressed, strong=True)
        back = button("Back", self.close)
        asked = (self._words, self._fields, self._reason, self._typed, self._password)
        return theme.card(stack(*asked, line(self._do, back)))

    def open(
        self,
        words: str,
        label: str,
        go: Go,
        fields: Sequence[Viewable] = (),
        needs: str | None = None,
        *,
        verb: str = "",
    ) -> None:
        """Ask: ``words`` is escaped HTML, ``label`` is on the button, ``needs`` must be typed.
        ``verb`` is the action to confirm: one that destroys something also asks for the password."""
        self._desk.say("")
        if not self.view.objects:
            self.view.objects = [self._make()]
        self._words.object, self._go, self._needs, self._verb = words, go, needs, verb
        self._fields.objects = list(fields)
        self._do.param.update(label=label, disabled=False)
        self._reason.value = ""
        self._typed.param.update(label=f"Type {needs} to go on", value="", visible=needs is not None, error_state=False)
        self._ask_password()
        self.view.visible = True

    def _ask_password(self) -> None:
        """Show an empty password field if the verb needs one: the page stores no password."""
        self._password.param.update(value="", visible=self._desk.must_confirm(self._verb), error_state=False)

    def close(self, *_: object) -> None:
        self.view.visible, self._go = False, None
        if self.view.objects:
            self._fields.objects, self._password.value = [], ""

    async def _pressed(self, *_: object) -> None:
        if self._go is None:
            return
        if self._needs is not None and self._typed.value.strip().replace(",", "") != self._needs:
            self._typed.error_state = True
            return
        self._do.disabled = True
        go = self._go
        if await self._is_confirmed() and await go(self._reason.value.strip() or None) and go is self._go:
            self.close()
        else:
            self._do.disabled = False
            if go is self._go:  # a confirmation expires after some minutes
                self._ask_password()

    async def _is_confirmed(self) -> bool:
        if not self._password.visible:
            return True
        given, self._password.value = self._password.value, ""
        return await self._desk.confirm(given)
