"""What every command has: who gave it, an audit row, and an answer that is kept for its key."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from fastapi import Depends, Header, Query, Request
from fastapi.responses import JSONResponse

from services.failover.parts import Parts, parts
from services.failover.repository import records
from shared.contracts.envelope import Envelope, Meta
from shared.contracts.failover import CommandBody
from shared.contracts.failover_commands import NO_NUL, WithReason
from shared.web.problem import ProblemError, parameter_error

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from sqlalchemy.ext.asyncio import AsyncConnection

_LONGEST_KEY = 200


@dataclass(frozen=True, slots=True)
class Commander:
    """Who gives a command, and how it is carried out no more than once."""

    parts: Parts
    address: str
    """As the gateway tells it."""
    key: str | None
    target: str
    """Method and path."""

    def who(self, asked: WithReason) -> str:
        """For the records: the address is known, and the name is only said."""
        return f"{asked.owner} ({self.address})" if asked.owner else self.address

    async def once(
        self,
        action: str,
        asked: WithReason,
        carry_out: Callable[[AsyncConnection], Awaitable[CommandBody]],
    ) -> JSONResponse:
        """Carries it out, notes it, and keeps the answer, all in one transaction.

        With an `Idempotency-Key` that came before within 24 hours, the answer is that of then.
        """
        async with self.parts.engine.begin() as conn:
            if self.key is not None and (kept := await self._kept(conn, self.key, asked)):
                return kept
            body = await carry_out(conn)
            await records.note(
                conn,
                who=self.who(asked),
                action=action,
                why=asked.reason,
                before=body.before,
                after=body.after,
            )
            content = _enveloped(body)
            if self.key is not None:
                await records.answer(conn, self.address, self.key, 200, content)
        return JSONResponse(content)

    def answer(self, body: CommandBody) -> JSONResponse:
        """The answer of a command that changed nothing."""
        return JSONResponse(_enveloped(body))

    async def _kept(
        self, conn: AsyncConnection, key: str, asked: WithReason
    ) -> JSONResponse | None:
        told = f"{self.target} {asked.model_dump_json()}"
        fingerprint = hashlib.sha256(told.encode()).hexdigest()
        before = await records.claim(conn, self.address, key, fingerprint)
        if before is None:
            return None
        if before.fingerprint != fingerprint:
            raise ProblemError(
                422, "key-used", "this Idempotency-Key came with another command before: use a new"
            )
        return JSONResponse(before.answer, before.status or 200)


def commander(
    request: Request, idempotency_key: Annotated[str | None, Header()] = None
) -> Commander:
    """Who gives the command that this request is."""
    if idempotency_key is not None and not 0 < len(idempotency_key) <= _LONGEST_KEY:
        raise parameter_error("Idempotency-Key", f"give 1 to {_LONGEST_KEY} characters")
    return Commander(
        parts=parts(request),
        address=request.client.host if request.client is not None else "unknown",
        key=idempotency_key,
        target=f"{request.method} {request.url.path}",
    )


def ending(
    reason: Annotated[
        str, Query(min_length=1, max_length=1000, pattern=NO_NUL, description="Why: for the audit")
    ],
    owner: Annotated[
        str, Query(max_length=100, pattern=NO_NUL, description="Who says so, by their own word")
    ] = "",
) -> WithReason:
    """What is said with a DELETE, which has no body."""
    return WithReason(reason=reason, owner=owner)


Ending = Annotated[WithReason, Depends(ending)]


def _enveloped(body: CommandBody) -> dict[str, object]:
    return Envelope[CommandBody](data=body, meta=Meta(count=1)).model_dump(
        mode="json", by_alias=True
    )
