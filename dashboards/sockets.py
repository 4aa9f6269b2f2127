"""The live connections of the consoles: what they say is sent at once."""

from bokeh.server.urls import per_app_patterns
from panel.io.server import WSHandler


class Prompt(WSHandler):
    """Bokeh sends each message in three pieces, and the system would keep the second back until the browser has said
    that it has the first, which browsers put off for 40 ms."""

    def open(self) -> None:
        self.set_nodelay(True)
        super().open()


def use_prompt_ones() -> None:
    """For the servers that this process makes from now on; Panel puts in its own in the same way."""
    per_app_patterns[:] = [(path, Prompt if handler is WSHandler else handler) for path, handler in per_app_patterns]
