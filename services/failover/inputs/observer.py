"""What looks at a site."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from services.failover.policy.model import Reading, Site


class Observer(Protocol):
    """One way to see one site. Several of one name are told apart by a word after a colon."""

    @property
    def name(self) -> str:
        """What its readings say that they are of."""
        ...

    @property
    def site(self) -> Site:
        """What it looks at."""
        ...

    async def read(self) -> Reading:
        """What is to be seen now; unknown health where it cannot look, and never an error."""
        ...
