"""Decorators that declare verbs. A function's signature declares the verb's options; ``reads`` and ``writes`` add more.

The function validates its options offline and returns a function of a session, so invalid options are reported before
a wallet is read or an endpoint is contacted. ``plain`` verbs need no session and return their result directly.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import typer

from psyche_cli.cli.options import Rpc, WalletPath, WsRpc, Yes, came_from_command_line
from psyche_cli.limits import LOCAL_RPC_URL

if TYPE_CHECKING:
    from psyche_cli.operations.sessions import Session, SigningSession
    from psyche_cli.results import Result
    from psyche_cli.suggestions import GivenOptions

Reading: TypeAlias = "Callable[[Session], Result]"
"""The part of a verb that needs an endpoint."""

Writing: TypeAlias = "Callable[[SigningSession], Result]"
"""The part of a verb that needs an endpoint and a wallet."""

_KEYWORD = inspect.Parameter.KEYWORD_ONLY
_CONTEXT = inspect.Parameter("ctx", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=typer.Context)
_RPC = inspect.Parameter("rpc", _KEYWORD, default=LOCAL_RPC_URL, annotation=Rpc)
_YES = inspect.Parameter("yes", _KEYWORD, default=False, annotation=Yes)
_WS_RPC = inspect.Parameter("ws_rpc", _KEYWORD, default=None, annotation=WsRpc)


@dataclass(frozen=True)
class Declaration:
    """The declaration of a verb.

    Typer derives the options from the signature of ``function``, whose docstring is the help text. ``example`` is a
    command line. ``paired_options`` are options of a group that take two words. ``open_options`` are options of a
    verb that take any number of words.
    """

    function: Callable[..., Any]
    example: str
    paired_options: tuple[str, ...] = ()
    open_options: tuple[str, ...] = ()


def plain(*, example: str, paired_options: tuple[str, ...] = ()) -> Callable[[Callable[..., Any]], Declaration]:
    """Declare a verb that needs no session or opens its own.

    Its function returns the result, or None if it has printed its output itself.
    """
    return lambda function: Declaration(function, example, paired_options)


def reads(*, example: str, websocket: bool = True) -> Callable[[Callable[..., Reading]], Declaration]:
    """Declare a verb that needs an endpoint. Adds ``--rpc``, and with ``websocket`` the unused ``--ws-rpc``."""

    def declare(function: Callable[..., Reading]) -> Declaration:
        own = _parameters(function)

        def run(ctx: typer.Context, *, rpc: str, ws_rpc: str | None = None, **values: Any) -> Result:
            _report_unused(ctx, ws_rpc)
            read = function(ctx, **values) if "ctx" in own else function(**values)
            from psyche_cli.operations.sessions import reading_session

            with reading_session(ctx.obj, rpc=rpc, given=given_options(ctx)) as session:
                return read(session)

        added = {"rpc": _RPC, "ws_rpc": _WS_RPC} if websocket else {"rpc": _RPC}
        return Declaration(_presented(run, function, {"ctx": _CONTEXT, **own, **added}), example)

    return declare


def writes(
    *,
    example: str,
    websocket: bool = True,
    wallet: Any = WalletPath,
    confirms: bool = False,
    open_options: tuple[str, ...] = (),
) -> Callable[[Callable[..., Writing]], Declaration]:
    """Declare a verb that needs an endpoint and a wallet.

    ``wallet`` annotates the option for the keypair file. ``confirms`` adds ``--yes``, for a verb that asks for
    confirmation of an irreversible action.
    """
    wallet_option = inspect.Parameter("wallet", _KEYWORD, default=None, annotation=wallet)

    def declare(function: Callable[..., Writing]) -> Declaration:
        own = _parameters(function)

        def run(
            ctx: typer.Context,
            *,
            rpc: str,
            ws_rpc: str | None = None,
            wallet: Path | None,
            yes: bool = False,
            **values: Any,
        ) -> Result:
            _report_unused(ctx, ws_rpc)
            write = function(ctx, **values) if "ctx" in own else function(**values)
            from psyche_cli.operations.sessions import signing_session

            with signing_session(ctx.obj, rpc=rpc, wallet_path=wallet, given=given_options(ctx), agreed=yes) as session:
                return write(session)

        added = {"rpc": _RPC, "ws_rpc": _WS_RPC} if websocket else {"rpc": _RPC}
        added |= {"wallet": wallet_option, **({"yes": _YES} if confirms else {})}
        presented = _presented(run, function, {"ctx": _CONTEXT, **own, **added})
        return Declaration(presented, example, open_options=open_options)

    return declare


def _report_unused(ctx: typer.Context, ws_rpc: str | None) -> None:
    if ws_rpc is not None:
        ctx.obj.progress("--ws-rpc is accepted for compatibility with the published client and has no effect.")


def given_options(ctx: typer.Context) -> GivenOptions:
    """The options that suggested commands must repeat: those given on the command line that are not the default."""
    from psyche_cli.suggestions import GivenOptions

    def typed(parameter: str) -> Any:
        return ctx.params.get(parameter) if came_from_command_line(ctx, parameter) else None

    rpc, wallet = typed("rpc"), typed("wallet")
    if rpc == LOCAL_RPC_URL and not ctx.obj.variables.get("RPC"):
        rpc = None
    return GivenOptions(
        rpc=rpc, wallet=None if wallet is None else str(wallet), treasurer_index=typed("treasurer_index")
    )


def _parameters(function: Callable[..., Any]) -> dict[str, inspect.Parameter]:
    return dict(inspect.signature(function, eval_str=True).parameters)


def _presented(
    run: Callable[..., Any], function: Callable[..., Any], parameters: dict[str, inspect.Parameter]
) -> Callable[..., Any]:
    """Give ``run`` the docstring of ``function`` and a signature with these parameters, from which Typer reads both."""
    run.__doc__ = function.__doc__
    run.__annotations__ = {name: parameter.annotation for name, parameter in parameters.items()}
    run.__signature__ = inspect.Signature(list(parameters.values()))  # type: ignore[attr-defined]  # inspect reads it
    return run
