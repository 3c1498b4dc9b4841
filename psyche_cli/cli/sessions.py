"""Decorators that declare verbs. A function's signature declares the verb's options; ``reads`` and ``writes`` add more.

The function validates its options offline and returns a function of a session, so invalid options are reported before
a wallet is read or an endpoint is contacted. ``plain`` verbs need no session and return their result directly.
"""

from __future__ import annotations

import functools
import inspect
import os
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from psyche_cli.cli.options import (
    EXPECTED_VARIABLES,
    VARIABLES,
    ArchiveFile,
    Authority,
    BlockhashOption,
    Commitment,
    DryRun,
    EnvFile,
    ExportFile,
    FeePayer,
    FollowWsRpc,
    LocalRpc,
    MaxFee,
    NonceAuthority,
    NonceOption,
    Offline,
    Option,
    PriorityFeePrice,
    Rpc,
    SignatureElsewhere,
    SignOnly,
    StateDir,
    Timeout,
    Unsigned,
    WalletPath,
    WritingTimeout,
    WsRpc,
    Yes,
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

_KEYWORD = inspect.Parameter.KEYWORD_ONLY
_RPC = inspect.Parameter("rpc", _KEYWORD, default=None, annotation=Rpc)
_LOCAL_RPC = inspect.Parameter("rpc", _KEYWORD, default=LOCAL_RPC_URL, annotation=LocalRpc)
_YES = inspect.Parameter("yes", _KEYWORD, default=False, annotation=Yes)
_STATE_DIR = inspect.Parameter("state_dir", _KEYWORD, default=None, annotation=StateDir)
_ENV_FILE = inspect.Parameter("env_file", _KEYWORD, default=None, annotation=EnvFile)
_ARCHIVE = inspect.Parameter("archive", _KEYWORD, default=None, annotation=ArchiveFile)
_OFFLINE = inspect.Parameter("offline", _KEYWORD, default=False, annotation=Offline)
_COMMITMENT = inspect.Parameter("commitment", _KEYWORD, default=None, annotation=Commitment)
_TIMEOUT = inspect.Parameter("timeout", _KEYWORD, default=None, annotation=Timeout)
_WRITING_TIMEOUT = inspect.Parameter("timeout", _KEYWORD, default=None, annotation=WritingTimeout)
_PRIORITY_FEE = inspect.Parameter("priority_fee", _KEYWORD, default=None, annotation=PriorityFeePrice)
_MAX_FEE = inspect.Parameter("max_fee", _KEYWORD, default=None, annotation=MaxFee)
_WS_RPC = inspect.Parameter("ws_rpc", _KEYWORD, default=None, annotation=WsRpc)
_FOLLOW_WS_RPC = inspect.Parameter("ws_rpc", _KEYWORD, default=None, annotation=FollowWsRpc)


_DRY_RUN = inspect.Parameter("dry_run", _KEYWORD, default=False, annotation=DryRun)
_ELSEWHERE = {
    name: inspect.Parameter(name, _KEYWORD, default=default, annotation=annotation)
    for name, annotation, default in (
        ("authority", Authority, None),
        ("fee_payer", FeePayer, None),
        ("unsigned", Unsigned, False),
        ("sign_only", SignOnly, False),
        ("blockhash", BlockhashOption, None),
        ("nonce", NonceOption, None),
        ("nonce_authority", NonceAuthority, None),
        ("signer", SignatureElsewhere, None),
        ("output_file", ExportFile, None),
    )
}
"""Options for transactions that are signed or sent elsewhere."""


class Call(NamedTuple):
    """A verb's parsed command line.

    ``values`` are its options and arguments by parameter. ``typed`` are the parameters given on the command line,
    ``from_variables`` those set by an environment variable; all others have their defaults.
    """

    environment: Environment
    values: Mapping[str, Any]
    typed: frozenset[str] = frozenset()
    from_variables: frozenset[str] = frozenset()


class ForRun(NamedTuple):
    """The part of a verb that needs an endpoint and a wallet, for a run that is not named by an option.

    ``intent`` is what the user requests, as canonical JSON: an interrupted attempt with the same one is settled first.
    """

    run_id: str | None
    intent: str
    write: Writing


class Declaration(NamedTuple):
    """The declaration of a verb.

    The signature of ``function`` declares the verb's own options, and its docstring is the help text. ``added`` are the
    options of its session, and ``act`` runs the verb. ``example`` is a command line. ``word_counts`` are the numbers of
    words of those options of a group that take more than one. ``open_options`` are options of a verb that take any
    number of words. ``resolve`` replaces the call first, for a verb that takes its options in another form too.
    """

    function: Callable[..., Any]
    act: Callable[[Call], Any]
    example: str
    added: Mapping[str, inspect.Parameter] = {}
    word_counts: Mapping[str, int] = {}
    open_options: tuple[str, ...] = ()
    resolve: Callable[[Call], Call] = lambda call: call

    @property
    def parameters(self) -> dict[str, inspect.Parameter]:
        """All options and arguments, by parameter name."""
        return {**parameters_of(self.function), **self.added}

    def run(self, call: Call) -> Result | None:
        """Run the verb and return its result; None if the verb printed its output itself."""
        call = self.resolve(call)
        self._report_variables(call)
        call.environment.typed = call.typed
        result: Result | None = self.act(call)
        return result

    def _report_variables(self, call: Call) -> None:
        """Report which options took their value from an environment variable with a very generic name."""
        if not call.from_variables:
            return
        names = [
            f"{flag} ({VARIABLES[flag]})"
            for name, parameter in self.parameters.items()
            if name in call.from_variables
            for flag in flags_of(parameter)
            if flag in VARIABLES.keys() - EXPECTED_VARIABLES
        ]
        if names:
            call.environment.diagnostics.line(f"From the environment: {', '.join(names)}.")


@functools.cache
def parameters_of(function: Callable[..., Any]) -> Mapping[str, inspect.Parameter]:
    """The options and arguments declared by the signature of a function, with evaluated annotations."""
    found = inspect.signature(function, eval_str=True).parameters
    return {name: parameter for name, parameter in found.items() if name != "call"}


def flags_of(parameter: inspect.Parameter) -> tuple[str, ...]:
    """The names of an option on the command line; empty for an argument."""
    [declared] = parameter.annotation.__metadata__
    return declared.names if isinstance(declared, Option) else ()


def plain(*, example: str, word_counts: Mapping[str, int] | None = None) -> Callable[[Callable[..., Any]], Declaration]:
    """Declare a verb that needs no session or opens its own.

    Its function returns the result, or None if it has printed its output itself.
    """

    def declare(function: Callable[..., Any]) -> Declaration:
        def act(call: Call) -> Any:
            return _call(function, call)

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
            read: Reading | Result = _call(function, call)
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

        added = _endpoint_options(local, _WRITING_TIMEOUT if settles else _TIMEOUT)
        if follows:
            del added["timeout"]
            added["ws_rpc"] = _FOLLOW_WS_RPC
        if lasts:
            added.pop("timeout", None)
        if env_file:
            added["env_file"] = _ENV_FILE
        if offline:
            added["offline"] = _OFFLINE
        if has_archive:
            added["archive"] = _ARCHIVE
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
    rpc: Any = Rpc,
    wallet: Any = WalletPath,
    confirms: bool = False,
    open_options: tuple[str, ...] = (),
    resolve: Callable[[Call], Call] = lambda call: call,
) -> Callable[[Callable[..., Writing | ForRun]], Declaration]:
    """Declare a verb that needs an endpoint and a wallet.

    A verb that is only done ``here``, because each of its transactions depends on what the one before it has changed,
    has no options for dry runs and for transactions that are signed or sent elsewhere. ``rpc`` and ``wallet`` annotate
    the options for the endpoints and the keypair file. ``confirms`` adds ``--yes``, for a verb that asks for
    confirmation of an irreversible action. ``resolve`` is that of the ``Declaration``.
    """

    def declare(function: Callable[..., Writing | ForRun]) -> Declaration:
        def act(call: Call) -> Result:
            _report_unused(call)
            made: Writing | ForRun = _call(function, call)
            if not isinstance(made, ForRun):
                made = ForRun(call.values.get("run_id"), _intent(function, call), made)
            from psyche_cli.operations.elsewhere import HERE, parse_elsewhere
            from psyche_cli.operations.signing import outcome_of, signing_session
            from psyche_cli.solana.sending.priority_fee import requested_fee

            fee = requested_fee(call.values.get("priority_fee"), call.values.get("max_fee"))

            dry_run = call.values.get("dry_run", False)
            elsewhere = HERE._replace(mode="dry-run") if dry_run else HERE
            if not local and not here:
                options = {name: call.values[name] for name in _ELSEWHERE}
                elsewhere = parse_elsewhere(call.environment, dry_run=dry_run, **options)
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

        added = _endpoint_options(local, _WRITING_TIMEOUT)
        if not local:
            added["rpc"] = _RPC.replace(annotation=rpc)
        added["wallet"] = inspect.Parameter("wallet", _KEYWORD, default=None, annotation=wallet)
        added["state_dir"] = _STATE_DIR
        if not here:
            added["dry_run"] = _DRY_RUN
        if not local:
            added |= {"priority_fee": _PRIORITY_FEE, "max_fee": _MAX_FEE, **({} if here else _ELSEWHERE)}
        if confirms:
            added["yes"] = _YES
        return Declaration(function, act, example, added, open_options=open_options, resolve=resolve)

    return declare


def _endpoint_options(local: bool, timeout: inspect.Parameter) -> dict[str, inspect.Parameter]:
    if local:
        return {"rpc": _LOCAL_RPC}
    return {"rpc": _RPC, "ws_rpc": _WS_RPC, "commitment": _COMMITMENT, "timeout": timeout}


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


def _call(function: Callable[..., Any], call: Call) -> Any:
    """Call a verb's function with its own options, and with the ``Call`` if it has a parameter for it."""
    code = function.__code__
    names = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
    own = {name: value for name, value in call.values.items() if name in names}
    return function(call, **own) if "call" in names else function(**own)


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
