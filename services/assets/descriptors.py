"""File descriptors: each logger's connection takes one, and the usual soft limit of a process is 1,024."""

from __future__ import annotations

import resource

import structlog

log = structlog.get_logger()
_OTHERS = 256
"""For the broker, the database, HTTP and files."""


def allow_connections(most: int) -> None:
    """Raises the soft limit as far as it is needed and allowed; says so where that is not enough."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = most + _OTHERS
    if hard != resource.RLIM_INFINITY and hard < wanted:
        log.warning("too few file descriptors", connections=most, wanted=wanted, allowed=hard, mend="ulimit -Hn")
        wanted = hard
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
