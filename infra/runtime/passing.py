"""What passes: an error of the moment, such as a broker or database that is away, and not of what is being done."""

from __future__ import annotations

from aiokafka.errors import (
    InvalidProducerEpoch,
    KafkaError,
    OutOfOrderSequenceNumber,
    ProducerFenced,
    UnknownProducerId,
)
from pymongo.errors import AutoReconnect, NetworkTimeout, PyMongoError, ServerSelectionTimeoutError

_PASSING = (AutoReconnect, NetworkTimeout, ServerSelectionTimeoutError, ConnectionError, KafkaError)
_ENDED = (OutOfOrderSequenceNumber, ProducerFenced, InvalidProducerEpoch, UnknownProducerId)


def passes(error: BaseException) -> bool:
    """Whether an error is the moment's and not the event's."""
    if isinstance(error, PyMongoError) and error.has_error_label("TransientTransactionError"):
        return True
    return isinstance(error, _PASSING)


def ends_producer(error: BaseException) -> bool:
    """Whether a producer will never again be believed: Kafka takes no batch behind a number that it never got, which
    aiokafka gives up where a partition has had no leader for long. An error without a name: its sender has ended."""
    return isinstance(error, _ENDED) or type(error) is KafkaError
