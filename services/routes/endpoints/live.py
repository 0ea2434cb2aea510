"""The live stream, at the paths where clients of RIS Live look for it, and under our own."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Header, Query, Request, Response
from starlette.websockets import WebSocket

from services.routes.live import websocket as live_websocket
from services.routes.live.http import LiveResponse
from services.routes.live.protocol import ClientError, read_header
from services.routes.store.hosts import hosts
from shared.contracts.live import ServerMessage
from shared.web.problem import ProblemError
from shared.web.strict import known_parameters_only

api = APIRouter(tags=["live"])

_STREAM = {
    200: {
        "description": "Messages without an end: one a line, or one an event",
        "model": ServerMessage,
        "content": {"application/x-ndjson": {}, "text/event-stream": {}},
    }
}


@api.get("/v1/stream", include_in_schema=False, dependencies=[Depends(known_parameters_only)])
@api.get("/v1/stream/", include_in_schema=False, dependencies=[Depends(known_parameters_only)])
@api.get("/api/v1/stream/", include_in_schema=False, dependencies=[Depends(known_parameters_only)])
@api.get(
    "/api/v1/stream",
    summary="Changes of routes as they are committed, as RIS Live has them",
    dependencies=[Depends(known_parameters_only)],
    response_class=Response,
    responses=_STREAM,  # type: ignore[arg-type]
)
async def stream(
    request: Request,
    *,
    form: Annotated[
        Literal["json", "sse"], Query(alias="format", description="A line or an event each")
    ] = "json",
    client: Annotated[str | None, Query(description="Who listens; for people")] = None,
    client_version: Annotated[str | None, Query(description="Likewise")] = None,
    instance: Annotated[str | None, Query(description="Likewise")] = None,
    x_ris_subscribe: Annotated[
        str | None,
        Header(description="The data of a `ris_subscribe`, as JSON; everything without it"),
    ] = None,
    last_event_id: Annotated[
        str | None, Header(description="The id of the last message that was read")
    ] = None,
) -> Response:
    """It begins with what is committed after the answer's first octet. An empty line, or `: ping`,
    comes when nothing else does. The last message is a `ris_error` where the client is too slow.
    """
    request.scope["access_log"] = {"client": client, "version": client_version, "of": instance}
    try:
        subscription = read_header(x_ris_subscribe)
    except ClientError as error:
        raise ProblemError(422, "invalid-subscription", str(error)) from error
    return LiveResponse(request.app.state.live, subscription, form, last_event_id)


@api.websocket("/v1/ws")
@api.websocket("/v1/ws/")
@api.websocket("/api/v1/stream/ws")
@api.websocket("/api/v1/stream/ws/")
async def websocket(websocket: WebSocket) -> None:
    """The protocol of RIS Live."""

    async def names() -> list[str]:
        async with websocket.app.state.engine.connect() as conn:
            return await hosts(conn)

    await live_websocket.serve(websocket, websocket.app.state.live, names)
