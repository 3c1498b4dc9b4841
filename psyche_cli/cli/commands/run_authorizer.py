"""``psyche-cli run-authorizer``: the name of ``join-authorization-create`` in older guides."""

from __future__ import annotations

from typing import Annotated, Any

from psyche_cli.cli.options import Argument, option
from psyche_cli.cli.sessions import Call, plain
from psyche_cli.limits import LOCAL_RPC_URL
from psyche_cli.results import OperationResult


@plain(example="psyche-cli run-authorizer rpc=http://127.0.0.1:8899 grantor=grantor.json grantee=PUBKEY")
def command(
    call: Call,
    *,
    settings: Annotated[
        list[str] | None,
        Argument(metavar="[rpc=URL] [grantor=FILE] [grantee=PUBKEY]", help="Settings in the form key=value."),
    ] = None,
    rpc: Annotated[
        str | None,
        option("--rpc", "--url", "-u", metavar="URL", help=f"RPC URL of the cluster. Defaults to {LOCAL_RPC_URL}."),
    ] = None,
    grantor: Annotated[
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
    ] = None,
    grantee: Annotated[
        str | None,
        option(
            "--grantee",
            metavar="PUBKEY",
            help="Public key or keypair file of the key that is allowed to join. Defaults to everyone.",
        ),
    ] = None,
) -> OperationResult[Any]:
    """Alias of join-authorization-create that takes key=value arguments.

    For scripts that use the run_authorizer recipe of the published repository. The defaults are the same: everyone may
    join, the cluster is a local validator, and the default keypair signs.
    """
    from psyche_cli.operations.authorizations.create import create_join_authorization
    from psyche_cli.operations.authorizations.run_authorizer_arguments import parse_run_authorizer_arguments
    from psyche_cli.operations.signing import signing_session
    from psyche_cli.solana.sending.recording import intent_text
    from psyche_cli.suggestions import GivenOptions

    options: dict[str, str | None] = {"rpc": rpc, "grantor": grantor, "grantee": grantee}
    variables: dict[str, str | None] = {
        name: options.pop(name) for name in ("rpc", "grantor") if name in call.from_variables
    }
    arguments = parse_run_authorizer_arguments(settings or [], options, variables, call.environment.redactor)
    grantor_text = None if arguments.grantor is None else str(arguments.grantor)
    given = GivenOptions(
        rpc=None if arguments.rpc in (LOCAL_RPC_URL, variables.get("rpc")) else arguments.rpc,
        wallet=None if grantor_text == variables.get("grantor") else grantor_text,
    )
    rpc = arguments.rpc or LOCAL_RPC_URL
    intent = intent_text(call.environment.command, {"grantee": str(arguments.grantee)})
    with signing_session(
        call.environment, rpc=rpc, wallet_path=arguments.grantor, given=given, intent=intent
    ) as session:
        return create_join_authorization(session, arguments.grantee, call.environment.variables.get("RUN_ID") or None)
