"""The watch of a site as a remembered state; what it holds is the rules' affair."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from pydantic import ConfigDict

from infra.runtime.states import State
from services.incidents.rules.notes import plain_of, watch_of
from services.incidents.rules.watch import Watch


class SiteWatch(State):
    """One document per site; `id` is the site."""

    model_config = ConfigDict(frozen=True, extra="ignore", arbitrary_types_allowed=True)
    COLLECTION: ClassVar[str] = "watches"
    watch: Watch

    @classmethod
    def holding(cls, watch: Watch) -> SiteWatch:
        """The state of this watch, without a check: the rules made it."""
        return cls.model_construct(id=watch.site, watch=watch)

    def document(self) -> dict[str, Any]:
        """As plain lists and numbers; times in ms since 1970, as the rules count them."""
        return {"_id": self.id, **plain_of(self.watch)}

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> SiteWatch:
        """Back from a document."""
        data = {name: value for name, value in document.items() if name not in ("_id", "_v")}
        return cls.model_construct(id=document["_id"], watch=watch_of(data))
