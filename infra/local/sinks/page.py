"""The sinks' page: what came in, the newest first, Chinese first; and the orders to them."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from infra.local.sinks.box import Box, Row
from infra.local.sinks.mail_server import MailSink
from infra.local.sinks.mood import Mood, Order
from infra.local.sinks.sms_gateway import SmsSink

_SHOWN = 200
_STATES = {
    "accepted": "已接收 / accepted",
    "submitted": "已提交 / submitted",
    "delivered": "已送达 / delivered",
    "undelivered": "未送达 / undelivered",
}
_STYLE = (
    "body{font:15px/1.6 sans-serif;margin:2rem auto;max-width:72rem;padding:0 1rem;color:#1c2430}"
    "table{border-collapse:collapse;width:100%;margin-bottom:2rem}"
    "td,th{border-bottom:1px solid #d7dce3;padding:.4rem .6rem;text-align:left;vertical-align:top}"
    "td.text{white-space:pre-wrap}td.at,td.to{white-space:nowrap}small{color:#5d6978}"
)


def routes_of(sms: SmsSink, mail: MailSink) -> list[Route]:
    """`/` for people; `/messages/sms`, `/messages/mail` (GET, DELETE) and `/control/…` (POST) for tests."""

    async def show(_: Request) -> Response:
        return HTMLResponse(page(sms.box, mail.box))

    return [
        Route("/", show),
        *_routes("sms", sms.box, sms.mood),
        *_routes("mail", mail.box, mail.mood),
    ]


def page(sms: Box, mail: Box) -> str:
    """Both boxes as one page."""
    return (
        '<!doctype html><html lang="zh"><meta charset="utf-8"><meta http-equiv="refresh" content="5">'
        f"<title>消息出口 / Message sinks</title><style>{_STYLE}</style><h1>消息出口 <small>Message sinks</small></h1>"
        "<p>本机测试用，消息不会发往外部。<br><small>For this machine only: nothing is sent further.</small></p>"
        f"<h2>短信 {len(sms.rows)} <small>SMS</small></h2>{_table(sms.rows)}"
        f"<h2>邮件 {len(mail.rows)} <small>E-mail</small></h2>{_table(mail.rows)}</html>"
    )


def _table(rows: list[Row]) -> str:
    head = "".join(f"<th>{name}" for name in ("时间 / Time", "收件人 / To", "内容 / Text", "状态 / State"))
    return f"<table><tr>{head}{''.join(_line(row) for row in _newest(rows))}</table>"


def _newest(rows: list[Row]) -> Iterable[Row]:
    return reversed(rows[-_SHOWN:])


def _line(row: Row) -> str:
    title = f"<b>{escape(row['title'])}</b>\n" if row.get("title") else ""
    return (
        f'<tr><td class="at">{escape(row["at"])}<td class="to">{escape(row["to"])}'
        f'<td class="text">{title}{escape(row["text"])}<td>{_STATES.get(row["state"], escape(row["state"]))}'
    )


def _routes(name: str, box: Box, mood: Mood) -> list[Route]:
    async def messages(_: Request) -> Response:
        return JSONResponse({"messages": box.rows, "repeats": sum(box.repeats.values())})

    async def empty(_: Request) -> Response:
        box.empty()
        return Response(status_code=204)

    async def control(request: Request) -> Response:
        order = Order.model_validate_json(await request.body())
        mood.take(order)
        return JSONResponse(order.model_dump())

    return [
        Route(f"/messages/{name}", messages, methods=["GET"]),
        Route(f"/messages/{name}", empty, methods=["DELETE"]),
        Route(f"/control/{name}", control, methods=["POST"]),
    ]
