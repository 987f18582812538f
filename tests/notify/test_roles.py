"""Who may call which route of notify."""

from __future__ import annotations

from fastapi.routing import APIRoute

from infra.runtime.security import Role, roles_of
from services.notify.api import router_for
from services.notify.channels.receipts import ReceiptKeys

READERS: tuple[Role, ...] = ("buyer", "supplier", "administrator", "auditor")


def test_each_route_names_its_roles() -> None:
    routes = [route for route in router_for(ReceiptKeys(b"s")).routes if isinstance(route, APIRoute)]
    assert {(method, route.path): roles_of(route) for route in routes for method in route.methods or ()} == {
        ("GET", "/v1/messages"): READERS,
        ("GET", "/v1/messages/{message}"): READERS,
        ("POST", "/v1/messages/{message}/resend"): ("administrator",),
        ("GET", "/v1/contacts"): ("administrator",),
        ("PUT", "/v1/contacts"): ("administrator",),
        ("GET", "/v1/receipts/sms"): ("service",),
        ("POST", "/v1/receipts/sms"): ("service",),
    }
