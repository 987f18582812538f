"""The settings of this room: the runtime's own are enough."""

from infra.runtime.settings import RuntimeSettings as Settings

__all__ = ["Settings"]
