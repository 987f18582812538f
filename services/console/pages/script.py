"""The one script of the pages: htmx, as its package ships it. Only pages of somebody signed in have it."""

from __future__ import annotations

import hashlib
from base64 import b64encode
from importlib import resources

from fastapi import Response

from infra.runtime.security import PEOPLE, allow
from services.console.pages.visit import session_router

SCRIPT = (resources.files("django_htmx") / "static" / "django_htmx" / "htmx-2.min.js").read_bytes()
INTEGRITY = f"sha384-{b64encode(hashlib.sha384(SCRIPT).digest()).decode()}"
ADDRESS = f"/static/htmx.js?v={hashlib.sha256(SCRIPT).hexdigest()[:12]}"
"""Another script has another address: what a browser keeps is never refused for its `INTEGRITY`."""
router = session_router(prefix="/static")


@router.get("/htmx.js", dependencies=[allow(*PEOPLE)])
async def script() -> Response:
    """The script."""
    return Response(SCRIPT, media_type="text/javascript", headers={"cache-control": "private, max-age=86400"})
