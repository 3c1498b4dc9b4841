"""``psyche-cli run-authorizer``: the name of ``join-authorization-create`` in older guides."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from psyche_cli.cli.options import Argument, cluster_names, option
from psyche_cli.cli.sessions import Call, Writing, writes
from psyche_cli.limits import LOCAL_RPC_URL

_Rpc = Annotated[
    list[str] | None,
    option(
        "--rpc",
        "--url",
        "-u",
        metavar="URL",
        values=cluster_names,
        help="RPC URL of the cluster. Given several times, the next one is used when one fails or lags. Defaults to "
        f"{LOCAL_RPC_URL}.",
    ),
]
_Grantor = Annotated[
    str | None,
    option(
        "--grantor",
        "--wallet-private-key-path",
        "-w",
        "--keypair",
        "-k",
        metavar="FILE",
        help="Keypair file of the join authority. Defaults to the default wallet.",
    ),
]


def _resolved(call: Call) -> Call:
    """The call with the key=value arguments in place of the options of the same names."""
    from psyche_cli.operations.authorizations.run_authorizer_arguments import parse_run_authorizer_arguments

    names = {"rpc": "rpc", "grantor": "wallet", "grantee": "grantee"}
    typed = {name: call.values[parameter] for name, parameter in names.items() if parameter in call.typed}
    words = parse_run_authorizer_arguments(call.values["settings"] or [], typed)
    given: dict[str, Any] = {names[name]: [word] if name == "rpc" else word for name, word in words.items()}
    values = {**call.values, "settings": None, **given}
    values["rpc"] = values["rpc"] or [LOCAL_RPC_URL]
    values["wallet"] = Path(values["wallet"]) if values["wallet"] else None
    chosen = {"rpc"} - call.from_variables  # follow-up commands may have another default
    return call._replace(
        values=values,
        typed=call.typed | given.keys() | chosen,
        from_variables=call.from_variables - given.keys(),
    )


@writes(
    example="psyche-cli run-authorizer rpc=http://127.0.0.1:8899 grantor=grantor.json grantee=PUBKEY",
    rpc=_Rpc,
    wallet=_Grantor,
    resolve=_resolved,
)
def command(
    call: Call,
    *,
    settings: Annotated[
        list[str] | None,
        Argument(metavar="[rpc=URL] [grantor=FILE] [grantee=PUBKEY]", help="Settings in the form key=value."),
    ] = None,
    grantee: Annotated[
        str | None,
        option(
            "--grantee",
            metavar="PUBKEY",
            help="Public key or keypair file of the key that is allowed to join. Defaults to everyone.",
        ),
    ] = None,
) -> Writing:
    """Alias of join-authorization-create that takes key=value arguments.

    For scripts that use the run_authorizer recipe of the published repository. The defaults are the same: everyone may
    join, the cluster is a local validator, and the default keypair signs.
    """
    from psyche_cli.operations.authorizations.create import create_join_authorization
    from psyche_cli.operations.recipients import read_recipient
    from psyche_cli.protocol.addresses import ANYONE

    del settings  # resolved
    environment = call.environment
    key = read_recipient(grantee, "grantee", environment.redactor) if grantee else ANYONE
    run_id = environment.variables.get("RUN_ID") or None
    return lambda session: create_join_authorization(session, key, run_id)
