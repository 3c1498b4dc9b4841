"""Decorators that declare verbs. A function's signature declares the verb's options; ``reads`` and ``writes`` add more.

The function validates its options offline and returns a function of a session, so invalid options are reported before
a wallet is read or an endpoint is contacted. ``plain`` verbs need no session and return their result directly.
"""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from psyche_cli.cli.declarations import Call as Call
from psyche_cli.cli.declarations import Declaration, call_verb, parameters_of
from psyche_cli.cli.options import Rpc, WalletPath
from psyche_cli.cli.session_options import (
    ARCHIVE,
    COMMITMENT,
    DRY_RUN,
    ELSEWHERE,
    ENV_FILE,
    FOLLOW_WS_RPC,
    LOCAL_RPC,
    MAX_FEE,
    OFFLINE,
    PRIORITY_FEE,
    RPC,
    STATE_DIR,
    TIMEOUT,
    WRITING_TIMEOUT,
    WS_RPC,
    YES,
)
from psyche_cli.limits import LOCAL_RPC_URL

if TYPE_CHECKING:
    from psyche_cli.environment import Environment
    from psyche_cli.operations.sessions import Session
    from psyche_cli.operations.signing import SigningSession
    from psyche_cli.results import Result
    from psyche_cli.suggestions import GivenOptions

Reading: TypeAlias = "Callable[[Session], Result]"
"""The part of a verb that needs an endpoint."""

Writing: TypeAlias = "Callable[[SigningSession], Result]"
"""The part of a verb that needs an endpoint and a wallet."""


class ForRun(NamedTuple):
    """The part of a verb that needs an endpoint and a wallet, for a run that is not named by an option.

    ``intent`` is what the user requests, as canonical JSON: an interrupted attempt with the same one is settled first.
    """

    run_id: str | None
    intent: str
    write: Writing


def plain(*, example: str, word_counts: Mapping[str, int] | None = None) -> Callable[[Callable[..., Any]], Declaration]:
    """Declare a verb that needs no session or opens its own.

    Its function returns the result, or None if it has printed its output itself.
    """

    def declare(function: Callable[..., Any]) -> Declaration:
        def act(call: Call) -> Any:
            return call_verb(function, call)

        return Declaration(function, act, example, word_counts=word_counts or {})

    return declare


def reads(
    *,
    example: str,
    local: bool = False,
    env_file: bool = False,
    settles: bool = False,
    offline: bool = False,
    follows: bool = False,
    lasts: bool = False,
    archive: bool | None = None,
) -> Callable[[Callable[..., Reading | Result]], Declaration]:
    """Declare a verb that needs an endpoint. Adds ``--rpc`` and other options of a session.

    With options that make an endpoint unnecessary, the function of the verb returns the result itself.

    A ``local`` verb is for local validators: its default endpoint does not depend on the configuration of the Solana
    CLI, and ``--rpc`` is the only option added. ``env_file`` adds ``--env-file``. A verb that ``settles`` waits for
    transactions. ``offline`` adds ``--offline``, with which the verb gets None in place of a session. A verb that
    ``follows`` a run declares ``--timeout`` itself, and ``--ws-rpc`` has an effect. One that ``lasts`` continues until
    it is stopped, and has no ``--timeout``.

    All others have ``--archive``, unless ``archive`` says otherwise: the session then reads from an archive.
    """
    has_archive = not (local or settles or follows or lasts) if archive is None else archive

    def declare(function: Callable[..., Reading | Result]) -> Declaration:
        def act(call: Call) -> Result:
            if env_file:
                from psyche_cli.cli.env_file import with_env_file

                call = with_env_file(call)
            if not follows:
                _report_unused(call)
            read: Reading | Result = call_verb(function, call)
            if not callable(read):
                return read
            if offline and call.values["offline"]:
                without_session: Any = read
                result: Result = without_session(None)
                return result
            if has_archive and call.values["archive"] is not None:
                return _read_archive(call, read)
            from psyche_cli.operations.sessions import reading_session

            limits = _limits(call, local=local, settles=settles, follows=follows)
            if follows:
                limits["ws_rpc"] = call.values["ws_rpc"]
            with reading_session(
                call.environment, rpc=call.values["rpc"], given=given_options(call), **limits
            ) as session:
                return read(session)

        added = _endpoint_options(local, WRITING_TIMEOUT if settles else TIMEOUT)
        if follows:
            del added["timeout"]
            added["ws_rpc"] = FOLLOW_WS_RPC
        if lasts:
            added.pop("timeout", None)
        if env_file:
            added["env_file"] = ENV_FILE
        if offline:
            added["offline"] = OFFLINE
        if has_archive:
            added["archive"] = ARCHIVE
        return Declaration(function, act, example, added)

    return declare


def _read_archive(call: Call, read: Reading) -> Result:
    """Run a verb with a session that reads from an archive."""
    from psyche_cli.operations.archives.session import archive_session

    others = {flag: call.values[name] for name, flag in _OF_CLUSTERS.items() if name in call.typed}
    path, given = call.values["archive"], given_options(call)
    with archive_session(call.environment, path, given=given, others=others) as session:
        return read(session)


_OF_CLUSTERS = {"rpc": "--rpc", "ws_rpc": "--ws-rpc", "commitment": "--commitment"}
"""Options about a cluster, which cannot be given together with an archive."""


def writes(
    *,
    example: str,
    local: bool = False,
    here: bool = False,
    dry_run: bool | None = None,
    rpc: Any = Rpc,
    wallet: Any = WalletPath,
    confirms: bool = False,
    open_options: tuple[str, ...] = (),
    resolve: Callable[[Call], Call] = lambda call: call,
) -> Callable[[Callable[..., Writing | ForRun]], Declaration]:
    """Declare a verb that needs an endpoint and a wallet.

    A verb that is only done ``here``, because each of its transactions depends on what the one before it has changed,
    has no options for transactions that are signed or sent elsewhere, and none for a dry run unless ``dry_run`` says
    otherwise. ``rpc`` and ``wallet`` annotate
    the options for the endpoints and the keypair file. ``confirms`` adds ``--yes``, for a verb that asks for
    confirmation of an irreversible action. ``resolve`` is that of the ``Declaration``.
    """

    def declare(function: Callable[..., Writing | ForRun]) -> Declaration:
        def act(call: Call) -> Result:
            _report_unused(call)
            made: Writing | ForRun = call_verb(function, call)
            if not isinstance(made, ForRun):
                made = ForRun(call.values.get("run_id"), _intent(function, call), made)
            from psyche_cli.operations.elsewhere import HERE, parse_elsewhere
            from psyche_cli.operations.signing import outcome_of, signing_session
            from psyche_cli.solana.sending.priority_fee import requested_fee

            fee = requested_fee(call.values.get("priority_fee"), call.values.get("max_fee"))

            is_dry_run = call.values.get("dry_run", False)
            elsewhere = HERE._replace(mode="dry-run") if is_dry_run else HERE
            if not local and not here:
                options = {name: call.values[name] for name in ELSEWHERE}
                elsewhere = parse_elsewhere(call.environment, dry_run=is_dry_run, **options)
            with signing_session(
                call.environment,
                rpc=call.values["rpc"],
                wallet_path=call.values["wallet"],
                given=given_options(call),
                agreed=call.values.get("yes", False),
                state_folder=call.values["state_dir"],
                run_id=made.run_id,
                intent=made.intent,
                fee=fee,
                **_limits(call, local=local, settles=True),
                elsewhere=elsewhere,
            ) as session:
                return outcome_of(made.write, session)

        added = _endpoint_options(local, WRITING_TIMEOUT)
        if not local:
            added["rpc"] = RPC.replace(annotation=rpc)
        added["wallet"] = inspect.Parameter("wallet", inspect.Parameter.KEYWORD_ONLY, annotation=wallet, default=None)
        added["state_dir"] = STATE_DIR
        if (not here) if dry_run is None else dry_run:
            added["dry_run"] = DRY_RUN
        if not local:
            added |= {"priority_fee": PRIORITY_FEE, "max_fee": MAX_FEE, **({} if here else ELSEWHERE)}
        if confirms:
            added["yes"] = YES
        return Declaration(function, act, example, added, open_options=open_options, resolve=resolve)

    return declare


def _endpoint_options(local: bool, timeout: inspect.Parameter) -> dict[str, inspect.Parameter]:
    if local:
        return {"rpc": LOCAL_RPC}
    return {"rpc": RPC, "ws_rpc": WS_RPC, "commitment": COMMITMENT, "timeout": timeout}


def _limits(call: Call, *, local: bool, settles: bool, follows: bool = False) -> dict[str, Any]:
    """The commitment and the time limit in seconds of a session, as far as they are given."""
    if local:
        return {}
    commitment, text = call.values["commitment"], None if follows else call.values.get("timeout")
    if settles and commitment == "processed":
        from psyche_cli.errors import UsageError

        raise UsageError(
            "--commitment processed is only for commands that send nothing: a processed block, and with it every "
            "transaction in it, may still be dropped.",
            hint="Use confirmed, the default, or finalized.",
        )
    timeout = None
    if text is not None:
        from psyche_cli.durations import parse_time_limit

        timeout = parse_time_limit(text)
    return {"commitment": commitment, "timeout": timeout}


def _report_unused(call: Call) -> None:
    if call.values.get("ws_rpc") is not None:
        call.environment.progress("--ws-rpc is accepted for compatibility with the published client and has no effect.")


def _intent(function: Callable[..., Any], call: Call) -> str:
    own = parameters_of(function)
    from psyche_cli.solana.sending.recording import intent_text

    return intent_text(call.environment.command, {name: value for name, value in call.values.items() if name in own})


def given_options(call: Call) -> GivenOptions:
    """The options that suggested commands must repeat: those given on the command line that are not the default."""
    from psyche_cli.suggestions import GivenOptions

    def typed(parameter: str) -> Any:
        return call.values.get(parameter) if parameter in call.typed else None

    rpc, wallet, state_dir = typed("rpc"), typed("wallet"), typed("state_dir")
    if rpc in (LOCAL_RPC_URL, [LOCAL_RPC_URL]) and _has_local_default(call.environment):
        rpc = None
    return GivenOptions(
        rpc=rpc,
        wallet=None if wallet is None else str(wallet),
        treasurer_index=typed("treasurer_index"),
        state_dir=None if state_dir is None else str(state_dir),
    )


def _has_local_default(environment: Environment) -> bool:
    """Whether a command without ``--rpc`` always uses the local validator."""
    return not environment.variables.get("RPC") and not os.path.lexists(environment.solana_cli_config_path)
