"""The filter in the URL, so that a view can be shared and bookmarked.

Search texts are read from the URL and never written to it: browsers and proxies store URLs.
"""

from urllib.parse import urlencode

import panel as pn

ANY = "any"
HOUR, DAY = 3_600.0, 86_400.0
AGES: dict[str, tuple[float | None, float | None]] = {
    ANY: (None, None),
    "last hour": (None, HOUR),
    "last day": (None, DAY),
    "last week": (None, 7 * DAY),
    "over an hour": (HOUR, None),
    "over a day": (DAY, None),
    "over a week": (7 * DAY, None),
}
"""(minimum age, maximum age) in seconds."""
PLAIN = {"state": ANY, "queue": ANY, "task": ANY, "age": ANY, "text": "", "error": "", "group": ANY}
PLAIN |= {"order": "newest first", "job": ""}
STATES = (ANY, "scheduled", "retrying", "pending", "processing", "completed", "failed", "unprocessable", "canceled")
CHOICES = {"state": STATES, "age": tuple(AGES), "order": ("newest first", "oldest first")}


class Address:
    """The URL's values when the page was opened, and updates of the URL from the fields."""

    def __init__(self) -> None:
        self._asked = {name: values[-1].decode(errors="replace") for name, values in pn.state.session_args.items()}
        self.start = {name: self._value(name) for name in PLAIN}

    def _value(self, name: str) -> str:
        asked = self._asked.get(name, PLAIN[name])[:400]
        return asked if asked in CHOICES.get(name, (asked,)) else PLAIN[name]

    def write(self, said: dict[str, str]) -> None:
        """Write the values that differ from the defaults; keep the theme."""
        kept = {name: value for name, value in self._asked.items() if name == "theme"}
        different = {name: value for name, value in said.items() if value and value != PLAIN.get(name)}
        if pn.state.location is not None:
            query = urlencode({**kept, **different})
            pn.state.location.search = f"?{query}" if query else ""
