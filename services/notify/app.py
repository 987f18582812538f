"""Notify, wired."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from infra.runtime.room import Room
from services.notify.api import router_for
from services.notify.channels.closed import Closed
from services.notify.channels.kannel import Account, KannelGateway
from services.notify.channels.ports import MailServer, SmsGateway
from services.notify.channels.receipts import ReceiptKeys
from services.notify.channels.smtp import Mailbox, SmtpServer
from services.notify.contacts import take_contacts
from services.notify.counter import Counter
from services.notify.handlers import ears_for
from services.notify.settings import RECEIPT_SECRET, SMS_PASSWORD, SMTP_PASSWORD, NotifySettings
from services.notify.store import INDEXES, measure_waiting


def room_for(settings: NotifySettings) -> Room:
    """The room over these settings."""
    keys = ReceiptKeys(settings.secret(RECEIPT_SECRET))
    sms, mail = gateway_of(settings), mail_server_of(settings)
    counter = Counter(sms, mail, settings.patience, lambda notice: keys.address(settings.receipts_url, notice))

    async def open_counter(room: Room) -> Callable[[], Awaitable[None]] | None:
        if settings.contacts:
            await take_contacts(settings.contacts, room.ledger)
        return None

    return Room(
        "notify", ears=ears_for(counter, settings.join), router=router_for(keys), indexes=INDEXES, settings=settings,
        starts=[open_counter], measures=[measure_waiting],
    )  # fmt: skip


def gateway_of(settings: NotifySettings) -> SmsGateway:
    """Kannel where it is set up."""
    if not settings.sms_url:
        return Closed()
    password = settings.secret(SMS_PASSWORD).decode()
    return KannelGateway(
        Account(
            settings.sms_url,
            settings.sms_user,
            password,
            settings.sms_sender,
            settings.sms_timeout_seconds,
            settings.sms_keeps_keys,
        )
    )


def mail_server_of(settings: NotifySettings) -> MailServer:
    """The SMTP server where it is set up."""
    if not settings.smtp_host:
        return Closed()
    password = settings.secret(SMTP_PASSWORD).decode() or None
    return SmtpServer(
        Mailbox(
            settings.smtp_host, settings.smtp_port, settings.mail_sender, settings.smtp_user or None, password,
            settings.smtp_starttls, settings.smtp_timeout_seconds, settings.smtp_keeps_ids,
        )
    )  # fmt: skip


room = room_for(NotifySettings())
