"""A topic of a benchmark's own, beside those of the services."""

from __future__ import annotations

from aiokafka.admin import AIOKafkaAdminClient, NewTopic


async def make_topics(servers: str, *names: str, partitions: int = 1) -> None:
    """Makes them."""
    admin = AIOKafkaAdminClient(bootstrap_servers=servers)
    await admin.start()
    try:
        await admin.create_topics([NewTopic(name, partitions, 1) for name in names])
    finally:
        await admin.close()
