"""What passes: an error of the moment, such as a broker or database that is away, and not of what is being done."""

from __future__ import annotations

from aiokafka.errors import KafkaError
from pymongo.errors import AutoReconnect, NetworkTimeout, PyMongoError, ServerSelectionTimeoutError

_PASSING = (AutoReconnect, NetworkTimeout, ServerSelectionTimeoutError, ConnectionError, KafkaError)


def passes(error: BaseException) -> bool:
    """Whether an error is the moment's and not the event's."""
    if isinstance(error, PyMongoError) and error.has_error_label("TransientTransactionError"):
        return True
    return isinstance(error, _PASSING)
