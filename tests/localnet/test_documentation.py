"""``docs/local-validator.md`` names every method and every option, and no others."""

from __future__ import annotations

import re
from typing import Any

from psyche_cli.cli.command_tree import root_command
from psyche_cli.localnet.rpc.dispatcher import all_methods
from psyche_cli.localnet.server.pubsub import PubSub
from tests.localnet.harness import PAGE, start_chain


def test_methods_stand_with_their_subjects() -> None:
    documented = {}
    for subject, cell in re.findall(r"^\| (\w+) \| (`get.*|`send.*) \|$", PAGE, re.MULTILINE):
        documented.update(dict.fromkeys(re.findall(r"`(\w+)`", cell), subject))
    control = dict.fromkeys(re.findall(r"`(localnet_\w+) \[", PAGE), "control")
    assert {**documented, **control} == all_methods()


def test_subscriptions_are_named() -> None:
    methods = PubSub(start_chain().dispatcher.context).methods()
    subscribing = {name for name in methods if name.endswith("Subscribe")}
    assert {name for name in re.findall(r"`(\w+)`", PAGE) if name.endswith("Subscribe")} == subscribing
    assert {name.replace("Unsubscribe", "Subscribe") for name in methods if name.endswith("Unsubscribe")} == subscribing


def test_options_are_named() -> None:
    localnet: Any = root_command().get_command(None, "localnet")
    options = {name for parameter in localnet.params for name in parameter.opts if name.startswith("--")}
    assert {name for name in options if name not in PAGE} == set()
