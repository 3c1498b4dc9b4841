"""The authorizations of a run, replayed from their instructions."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from psyche_cli.history.records import Place
from psyche_cli.history.store import PlacedEvent


class ReplayedAuthorization(NamedTuple):
    """An authorization after ``place``, that of its latest transaction. ``exists`` is False after it was closed.

    Addresses are in base58, the scope in hexadecimal.
    """

    place: Place
    exists: bool
    grantor: str
    grantee: str
    scope: str
    active: bool = False
    delegates: tuple[str, ...] = ()


def replayed_authorizations(events: Iterable[PlacedEvent]) -> dict[str, ReplayedAuthorization]:
    """The authorizations by their addresses, after these events of the authorizer, which are in order.

    Those whose creation is not among the events are left out.
    """
    found: dict[str, ReplayedAuthorization] = {}
    for one in events:
        event = one.event
        given: Any = event.arguments
        address = event.accounts.get("authorization")
        if event.failed or address is None or not (given or event.kind == "authorization_close"):
            continue
        if event.kind == "authorization_create":
            grantor = event.accounts["grantor"]
            found[address] = ReplayedAuthorization(one.place, True, grantor, given["grantee"], given["scope"])
            continue
        before = found.get(address)
        if before is None:
            continue
        match event.kind:
            case "authorization_grantor_update":
                after = before._replace(active=given["active"])
            case "authorization_grantee_update":
                kept = () if given["delegates_clear"] else before.delegates
                after = before._replace(delegates=(*kept, *given["delegates_added"]))
            case _:
                after = before._replace(exists=False)
        found[address] = after._replace(place=one.place)
    return found
