"""Reading -> threshold -> stored, on QuixStreams with its MongoDB sink. Runs in an environment of its own."""

from __future__ import annotations

import sys
from decimal import Decimal
from typing import Any

from quixstreams import Application
from quixstreams.sinks.community.mongodb import MongoDBSink


def judged(reading: dict[str, Any]) -> dict[str, Any]:
    over = Decimal(reading["values"]["a21004"]["value"]) > Decimal(sys.argv[4])
    return {**reading, "_id": reading["reading"], "over": over}


def main(servers: str, host: str, port: str, topic: str, database: str) -> None:
    app = Application(
        broker_address=servers, consumer_group=database, auto_offset_reset="earliest", commit_interval=1.0,
        auto_create_topics=False, loglevel="WARNING",
    )  # fmt: skip
    readings = app.dataframe(app.topic(topic, value_deserializer="json")).apply(judged)
    sink = MongoDBSink(
        host, database, "readings", port=int(port), document_matcher=lambda item: {"_id": item.value["_id"]}
    )
    readings.sink(sink)
    app.run()


if __name__ == "__main__":
    main(*sys.argv[1:4], *sys.argv[5:7])
