"""The session that the page's parts share: user, queries in threads, actions, messages."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from pqkit.auth import Principal
from pqkit.errors import DatabaseUnavailable, NotLoggedIn, PqkitError
from pqkit.queue import Operator, Queue
from pqkit.redaction.redact import redact
from pqkit.security.permissions import Role, allows

from .. import theme
from ..formatting import ended, safe, sentence
from ..poller import Feed, shared
from .login import Visitor
from .widgets import Words

STICKS = ":host { position: sticky; top: 8px; z-index: 6; }"
"""The result message stays visible, wherever on the page the action was."""
T = TypeVar("T")
WORKING = "<div class='working' role='status'>Working …</div>"
ABOVE = {"position": "fixed", "top": "62px", "left": "50%", "translate": "-50%", "z-index": "1200"}
Change = Callable[[], Awaitable[None]]


class Desk:
    """One session. It calls ``changed`` after each action, so that every part shows the result."""

    def __init__(self, visitor: Visitor, principal: Principal, leave: Callable[[str], None]) -> None:
        self.feed: Feed = shared()
        self.visitor, self.principal, self._leave = visitor, principal, leave
        self.away, self.message = Words(visible=False), Words(visible=False)
        self.working = Words(WORKING, sizing_mode=None, styles=ABOVE)
        self.message.stylesheets = [*self.message.stylesheets, STICKS]
        self.changed: list[Change] = []
        self._used = False

    def use(self) -> None:
        """Record activity of the person, even just viewing, which extends the session."""
        self._used = True

    def may(self, verb: str) -> bool:
        """True if the verb's button is shown. The verb itself checks the database."""
        return self.principal.may(verb)

    def must_confirm(self, verb: str) -> bool:
        """True if the verb needs the password. The verb itself checks the database."""
        return self.principal.must_confirm(verb)

    def barred(self, verb: str) -> str:
        """The reason as HTML why this person may not use the verb; empty if allowed."""
        if self.may(verb):
            return ""
        roles = " or ".join(role for role in Role if allows(role.scopes, verb))
        return f"<p class='muted'>This needs the role {roles}; yours is {safe(self.principal.role)}.</p>"

    async def ask(self, question: Callable[[Queue], T]) -> T | None:
        """Run a query in a thread, so that a slow one blocks no other session.

        Returns None when the session is over, and, with a banner, while the database is unavailable.
        """
        try:
            answer = await asyncio.to_thread(self._ask, question)
        except NotLoggedIn as error:
            self._leave(str(error))
        except PqkitError as error:
            text = f"The database cannot be read: {ended(str(error))} Trying again."
            self.away.param.update(object=theme.banner(text), visible=True)
        else:
            self.away.visible = False
            return answer
        return None

    def _ask(self, question: Callable[[Queue], T]) -> T:
        used, self._used = self._used, False
        self.principal = self.visitor.acting() if used else self.visitor.principal()
        return question(self.feed.queue())

    async def act(self, deed: Callable[[Operator], str], *, quietly: bool = False) -> bool:
        """Act in the person's name, report the result in one line, and return True if done.
        ``quietly`` reports errors only.
        The operator checks this person's rights in the transaction of each verb.
        """
        try:
            said = await asyncio.to_thread(lambda: self._act(deed))
        except NotLoggedIn as error:
            self._leave(str(error))
            return False
        except DatabaseUnavailable as error:
            self.say(ended(f"Nothing was done, because the database is away: {error}"), "bad")
            return False
        except (PqkitError, ValueError, TypeError) as error:
            self.say(sentence(str(error)), "bad")
            return False
        if quietly:
            return True
        self.say(sentence(said), "good")
        for show in self.changed:
            await show()
        return True

    def _act(self, deed: Callable[[Operator], str]) -> str:
        self.principal = self.visitor.acting()
        return deed(self.principal.operator())

    async def confirm(self, password: str) -> bool:
        """True if the password is right; destructive verbs are then allowed for a while."""

        def confirm(_: Operator) -> str:
            self.visitor.confirm(password)
            self.principal = self.visitor.principal()
            return ""

        return await self.act(confirm, quietly=True)

    def say(self, words: str, level: str = "") -> None:
        """Show one line above the page, for screen readers too."""
        line = f"<div class='said' role='status'>{theme.marked(level, redact(words))}</div>"
        self.message.param.update(object=line, visible=bool(words))
