"""Arguments of the published ``run_authorizer`` recipe: ``rpc=URL grantor=FILE grantee=KEY``, or options."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from solders.pubkey import Pubkey

from psyche_cli.errors import UsageError
from psyche_cli.operations.recipients import read_recipient
from psyche_cli.protocol.addresses import ANYONE
from psyche_cli.redaction import Redactor

_NAMES = ("rpc", "grantor", "grantee")


@dataclass(frozen=True)
class RunAuthorizerArguments:
    """RPC URL, keypair file of the join authority, and the key that may join. None means the default."""

    rpc: str | None
    grantor: Path | None
    grantee: Pubkey


def parse_run_authorizer_arguments(
    settings: Sequence[str],
    options: Mapping[str, str | None],
    variables: Mapping[str, str | None],
    redactor: Redactor,
) -> RunAuthorizerArguments:
    """Parse ``name=value`` words and the options of the same names; giving the same setting twice is an error.

    Both take precedence over ``variables`` from the environment. The grantee is a public key, or the path of a keypair
    file, whose private key is registered with ``redactor``. Raises UsageError, InvalidPublicKey, WalletError.
    """
    given = {name: value for name, value in options.items() if value is not None}
    for word in settings:
        name, equals, value = word.partition("=")
        if not equals or name not in _NAMES:
            raise UsageError(
                f"{word!r} is not a setting of run-authorizer.",
                hint="The settings are rpc=URL, grantor=FILE and grantee=PUBKEY, each at most once.",
            )
        if name in given:
            raise UsageError(
                f"{name} is specified twice.", hint="Specify each of rpc, grantor and grantee at most once."
            )
        given[name] = value
    for name, value in given.items():
        if not value:  # an unset shell variable must not authorize everyone
            raise UsageError(f"{name} is empty.", hint=f"Omit {name} to use its default.")
    resolved = {name: given.get(name) or variables.get(name) for name in _NAMES}
    return RunAuthorizerArguments(
        rpc=resolved["rpc"],
        grantor=Path(resolved["grantor"]) if resolved["grantor"] else None,
        grantee=read_recipient(resolved["grantee"], "grantee", redactor) if resolved["grantee"] else ANYONE,
    )
