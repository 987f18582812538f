"""The API of notify: messages and what became of them, the contacts, and the gateway's delivery reports."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel, ConfigDict

from contracts.values import Words
from infra.runtime.acts import Act, Database
from infra.runtime.ledger import Entry
from infra.runtime.problems import Problem, not_found
from infra.runtime.security import Caller, Identity, allow
from services.notify.channels.receipts import PATH, ReceiptKeys, report_of
from services.notify.domain import said
from services.notify.domain.directory import Directory, Person
from services.notify.domain.messages import Message, MessageState, Report, reported, resent, sending_of
from services.notify.store import Wanted, directory_of, message_of, messages_that
from services.notify.views import MessageView, may_see, view_of

READERS = allow("buyer", "supplier", "administrator", "auditor")


class Contacts(BaseModel):
    """The whole directory, as it is read and put."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)
    people: tuple[Person, ...]


class ContactsKept(BaseModel):
    """How many people the directory has now."""

    people: int


class Resending(BaseModel):
    """A failed message, to be sent once more."""

    notice: str


class Resent(BaseModel):
    """The state that the message is in now, and how often it was sent once more."""

    notice: str
    state: MessageState
    resent: int


class Receipt(BaseModel):
    """A delivery report: Kannel's number for what happened to a notice."""

    notice: str
    type: int


class Receipted(BaseModel):
    """The state that the message is in now."""

    notice: str
    state: MessageState


def router_for(keys: ReceiptKeys) -> APIRouter:
    """The routes; `keys` open the one for delivery reports."""
    router = APIRouter(prefix="/v1")
    router.get("/messages", dependencies=[READERS])(list_messages)
    router.get("/messages/{message}", dependencies=[READERS])(show_message)
    router.post("/messages/{message}/resend", dependencies=[allow("administrator")])(resend_message)
    router.get("/contacts", dependencies=[allow("administrator")])(show_contacts)
    router.put("/contacts", dependencies=[allow("administrator")])(put_contacts)
    gateway = [Depends(_gateway(keys)), allow("service")]
    path = PATH.removeprefix("/v1")
    router.add_api_route(path, take_receipt, methods=["GET"], dependencies=gateway, name="take_receipt_by_get")
    router.add_api_route(path, take_receipt, methods=["POST"], dependencies=gateway)
    return router


async def list_messages(caller: Caller, db: Database, wanted: Annotated[Wanted, Query()]) -> list[MessageView]:
    """Messages, the newest first, with their states and histories."""
    if caller.role == "auditor" and wanted.person:
        raise Problem(403, "forbidden", Words(zh="审计员不能按人员查询", en="Auditors cannot ask for a person"))
    if caller.role == "supplier":
        wanted = wanted.model_copy(update={"organisation": caller.organisation})
    directory = await directory_of(db)
    return [view_of(message, directory, caller) for message in await messages_that(db, wanted)]


async def show_message(message: str, caller: Caller, db: Database) -> MessageView:
    """One message."""
    found = await message_of(db, message)
    if found is None or not may_see(found, caller):
        raise not_found(message)
    return view_of(found, await directory_of(db), caller)


async def resend_message(message: str, act: Act) -> Resent:
    """Sends a failed message once more, to the number or address the directory has now, with all patience anew.

    Problems: 404 where there is none; 409 where it has not failed.
    """

    async def send_again(entry: Entry, _: Identity) -> Resent:
        found = await entry.load(Message, message)
        if found is None:
            raise not_found(message)
        if found.state != "failed":
            words = Words(zh="只有发送失败的通知可以重发", en="Only a message that failed can be sent once more")
            raise Problem(409, "not-failed", words, found.state)
        later = resent(found, entry.now)
        entry.write(later)
        entry.wake(entry.now, "send", message)
        return Resent(notice=message, state=later.state, resent=later.resent)

    return await act("resend_message", Resending(notice=message), send_again)


async def show_contacts(db: Database) -> Contacts:
    """The directory, with numbers and addresses."""
    return Contacts(people=(await directory_of(db)).people)


async def put_contacts(contacts: Contacts, act: Act) -> ContactsKept:
    """Replaces the directory. What was queued before goes to the new numbers."""

    async def replace(entry: Entry, _: Identity) -> ContactsKept:
        known = await entry.load(Directory, "directory") or Directory()
        entry.write(Directory(people=contacts.people, source=known.source))
        return ContactsKept(people=len(contacts.people))

    return await act("put_contacts", contacts, replace)


async def take_receipt(receipt: Annotated[Receipt, Query()], act: Act) -> Receipted:
    """The gateway's report, which may come before the hand-over is remembered; it may come again."""
    report = report_of(receipt.type)
    if report is None:
        raise Problem(422, "invalid", Words(zh="未知的回执类型", en="Unknown kind of report"), str(receipt.type))

    async def take(entry: Entry, _: Identity) -> Receipted:
        return await _take(receipt.notice, report, entry)

    return await act("take_receipt", receipt, take)


async def _take(key: str, report: Report, entry: Entry) -> Receipted:
    notice, sending = sending_of(key)
    message = await entry.load(Message, notice)
    if message is None:
        raise not_found(key)
    if sending != message.resent and report != "delivered":
        return Receipted(notice=notice, state=message.state)  # of an earlier sending: this one has its own report
    later = reported(message, report, entry.now)
    if later is not message:
        entry.write(later)
        for event in said.changes(message, later, entry.now):
            entry.say(event)
    if later.report and later.state == "queued":
        entry.wake(entry.now, "send", notice)
    return Receipted(notice=notice, state=later.state)


def _gateway(keys: ReceiptKeys) -> Callable[[Request, str, str], Awaitable[None]]:
    """Lets the gateway in by the key in the address: it can send no header of ours."""

    async def known(request: Request, notice: str, key: str) -> None:
        if not keys.fits(notice, key):
            raise Problem(401, "unauthorised", Words(zh="回执密钥无效", en="Not the key of this notice"))
        request.state.identity = Identity("sms-gateway", "service", "")

    return known
