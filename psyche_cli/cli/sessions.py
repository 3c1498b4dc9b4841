"""How a verb is declared: its own options in a function's signature, and by a decorator what it needs besides.

The function checks what can be checked offline and returns what is to be done with a session, so that a mistake in the
options is reported before a wallet is read or an endpoint is asked. ``plain`` verbs need no session and return their
result.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import typer

from psyche_cli.cli.options import LOCAL_RPC, Rpc, WalletPath, WsRpc, came_from_command_line

if TYPE_CHECKING:
    from psyche_cli.operations.sessions import Session, SigningSession
    from psyche_cli.results import Result
    from psyche_cli.suggestions import GivenOptions

Reading: TypeAlias = "Callable[[Session], Result]"
"""What a verb does with an open endpoint."""

Writing: TypeAlias = "Callable[[SigningSession], Result]"
"""What a verb does with an open endpoint and a wallet."""

_KEYWORD = inspect.Parameter.KEYWORD_ONLY
_CONTEXT = inspect.Parameter("ctx", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=typer.Context)
_RPC = inspect.Parameter("rpc", _KEYWORD, default=LOCAL_RPC, annotation=Rpc)
_WS_RPC = inspect.Parameter("ws_rpc", _KEYWORD, default=None, annotation=WsRpc)


@dataclass(frozen=True)
class Declaration:
    """A verb as its module declares it.

    ``function`` has the signature from which Typer makes the options; its docstring is the help. ``example`` is a
    command line. ``paired_options`` are options of a group that take two words.
    """

    function: Callable[..., Any]
    example: str
    paired_options: tuple[str, ...] = ()


def plain(*, example: str, paired_options: tuple[str, ...] = ()) -> Callable[[Callable[..., Any]], Declaration]:
    """A verb that needs no session, or opens its own. Its function returns the result; None if it printed itself."""
    return lambda function: Declaration(function, example, paired_options)


def reads(*, example: str, websocket: bool = True) -> Callable[[Callable[..., Reading]], Declaration]:
    """A verb that needs an endpoint. Its options get ``--rpc``, and with ``websocket`` the idle ``--ws-rpc``."""

    def declare(function: Callable[..., Reading]) -> Declaration:
        own = _parameters(function)

        def run(ctx: typer.Context, *, rpc: str, ws_rpc: str | None = None, **values: Any) -> Result:
            _mention(ctx, ws_rpc)
            read = function(ctx, **values) if "ctx" in own else function(**values)
            from psyche_cli.operations.sessions import reading_session

            with reading_session(ctx.obj, rpc=rpc, given=given_options(ctx)) as session:
                return read(session)

        added = {"rpc": _RPC, "ws_rpc": _WS_RPC} if websocket else {"rpc": _RPC}
        return Declaration(_presented(run, function, {"ctx": _CONTEXT, **own, **added}), example)

    return declare


def writes(
    *, example: str, websocket: bool = True, wallet: Any = WalletPath
) -> Callable[[Callable[..., Writing]], Declaration]:
    """A verb that needs an endpoint and a wallet. ``wallet`` is the annotation of the option that names its file."""
    wallet_option = inspect.Parameter("wallet", _KEYWORD, default=None, annotation=wallet)

    def declare(function: Callable[..., Writing]) -> Declaration:
        own = _parameters(function)

        def run(
            ctx: typer.Context, *, rpc: str, ws_rpc: str | None = None, wallet: Path | None, **values: Any
        ) -> Result:
            _mention(ctx, ws_rpc)
            write = function(ctx, **values) if "ctx" in own else function(**values)
            from psyche_cli.operations.sessions import signing_session

            with signing_session(ctx.obj, rpc=rpc, wallet_path=wallet, given=given_options(ctx)) as session:
                return write(session)

        added = {"rpc": _RPC, "ws_rpc": _WS_RPC} if websocket else {"rpc": _RPC}
        return Declaration(
            _presented(run, function, {"ctx": _CONTEXT, **own, **added, "wallet": wallet_option}), example
        )

    return declare


def _mention(ctx: typer.Context, ws_rpc: str | None) -> None:
    if ws_rpc is not None:
        ctx.obj.progress("--ws-rpc is accepted for compatibility with the published client and has no effect.")


def given_options(ctx: typer.Context) -> GivenOptions:
    """The options that commands suggested by this one must repeat: what was typed, and is not the default anyway."""
    from psyche_cli.suggestions import GivenOptions

    def typed(parameter: str) -> Any:
        return ctx.params.get(parameter) if came_from_command_line(ctx, parameter) else None

    rpc, wallet = typed("rpc"), typed("wallet")
    if rpc == LOCAL_RPC and not ctx.obj.variables.get("RPC"):
        rpc = None
    return GivenOptions(
        rpc=rpc, wallet=None if wallet is None else str(wallet), treasurer_index=typed("treasurer_index")
    )


def _parameters(function: Callable[..., Any]) -> dict[str, inspect.Parameter]:
    return dict(inspect.signature(function, eval_str=True).parameters)


def _presented(
    run: Callable[..., Any], function: Callable[..., Any], parameters: dict[str, inspect.Parameter]
) -> Callable[..., Any]:
    """``run`` with the help of ``function`` and, for Typer, a signature of these parameters."""
    run.__doc__ = function.__doc__
    run.__annotations__ = {name: parameter.annotation for name, parameter in parameters.items()}
    run.__signature__ = inspect.Signature(list(parameters.values()))  # type: ignore[attr-defined]  # inspect reads it
    return run
