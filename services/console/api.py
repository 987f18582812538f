"""What machines ask of the console: it takes in spans, and tells a trace as JSON."""

from __future__ import annotations

from datetime import UTC, datetime

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel
from pymongo.errors import PyMongoError
from starlette.concurrency import run_in_threadpool

from contracts.values import Words
from infra.runtime.acts import Database
from infra.runtime.problems import Problem
from infra.runtime.security import Caller, allow
from services.console import otlp
from services.console.bodies import body_of
from services.console.domain.spans import Attribute
from services.console.domain.waterfall import Node, tree_of
from services.console.store import keep_spans, spans_of

router = APIRouter(prefix="/v1")


class SpanView(BaseModel):
    """A span in its place: `parent` is the span above it, empty at the root."""

    span: str
    parent: str
    depth: int
    lost_parent: bool
    service: str
    name: str
    started_ns: int
    ended_ns: int
    error: str | None
    attributes: dict[str, Attribute]


def _view(node: Node, whole: bool) -> SpanView:
    span = node.span
    return SpanView(
        span=span.span, parent=span.parent, depth=node.depth, lost_parent=node.lost_parent, service=span.service,
        name=span.name, started_ns=span.started_ns, ended_ns=span.ended_ns, error=span.error,
        attributes=dict(span.attributes) if whole else {},
    )  # fmt: skip


@router.post("/traces", dependencies=[allow("tracer", "service")])
async def take_spans(request: Request, db: Database) -> Response:
    """OTLP over HTTP, protobuf, plain or gzip: the spans are kept, each once.

    Problems: 400 where the body cannot be read, 413, 415; 503 where the database is away: exporters then try again.
    """
    if request.headers.get("content-type", "").partition(";")[0].strip() != otlp.MEDIA_TYPE:
        raise Problem(415, "media-type", Words(zh="只接受 protobuf", en="Protobuf only"), otlp.MEDIA_TYPE)
    body = await body_of(request, otlp.BYTES_MAX)
    try:
        plain = otlp.unpacked(body, request.headers.get("content-encoding", "").lower())
        spans = await run_in_threadpool(otlp.spans_in, plain)
    except otlp.Unreadable as error:
        raise Problem(400, "unreadable", Words(zh="无法读取", en="Cannot be read"), str(error)) from error
    try:
        await keep_spans(db, spans, datetime.now(UTC), request.app.state.room.settings.span_keep)
    except PyMongoError as error:
        words = Words(zh="数据库没有应答，请稍后再试", en="The database does not answer; try again soon")
        raise Problem(503, "database", words, type(error).__name__) from error
    return Response(otlp.TAKEN, media_type=otlp.MEDIA_TYPE)


@router.get("/traces/{trace}", dependencies=[allow("administrator", "auditor")])
async def show_trace(trace: str, db: Database, caller: Caller) -> list[SpanView]:
    """The spans of a trace, causes before effects; empty where none was kept. Attributes are for administrators."""
    whole = caller.role == "administrator"
    return [_view(node, whole) for node in tree_of(await spans_of(db, [trace]))]
