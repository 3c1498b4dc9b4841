"""Translates the declared parameters of a verb into the signature from which Typer builds its parser."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any, Final, get_args

import typer

from psyche_cli.cli.options import Argument, Option, Values
from psyche_cli.limits import U64_MAX

_LONGEST_SHOWN: Final = 32


def typer_signature(parameters: Mapping[str, inspect.Parameter]) -> Callable[..., None]:
    """A function with these parameters, declared as Typer expects, and the Typer context."""
    shown = {"ctx": inspect.Parameter("ctx", inspect.Parameter.KEYWORD_ONLY, annotation=typer.Context)}
    for name, parameter in parameters.items():
        [declared] = parameter.annotation.__metadata__
        kind = parameter.annotation.__origin__
        shown[name] = parameter.replace(
            annotation=Annotated[kind, _for_typer(declared, kind)], kind=inspect.Parameter.KEYWORD_ONLY
        )

    def signature() -> None:
        """Typer reads only the parameters."""

    signature.__annotations__ = {name: parameter.annotation for name, parameter in shown.items()}
    signature.__signature__ = inspect.Signature(list(shown.values()))  # type: ignore[attr-defined]  # inspect reads it
    return signature


def _for_typer(declared: Option | Argument, kind: Any) -> Any:
    settings = declared._asdict()
    minimum, maximum, values = settings.pop("min", None), settings.pop("max", None), settings.pop("values")
    if int in (kind, *get_args(kind)):
        settings["parser"] = _integer_parser(minimum or 0, U64_MAX if maximum is None else maximum)
        settings["help"] += _range_note(minimum, maximum)
    if float in (kind, *get_args(kind)):
        settings["parser"] = _number_parser(minimum)
    if Path in (kind, *get_args(kind)):
        settings["parser"] = _path
    if values:
        settings["autocompletion"] = _completer(values)
    if isinstance(declared, Argument):
        return typer.Argument(**settings)
    names, variable = settings.pop("names"), settings.pop("variable")
    return typer.Option(*names, show_default=variable is None, **settings)


def _integer_parser(minimum: int, maximum: int) -> Callable[[str | int], int]:
    """Parses digits only: Python's ``int`` would also accept underscores, spaces and the digits of other scripts."""

    def parse(text: str | int) -> int:
        digits = str(text)
        if not _is_integer(digits):
            raise typer.BadParameter(f"{_shown(digits)} is not an integer.")
        if digits.startswith("-") and digits.strip("-0"):
            raise typer.BadParameter(f"{_shown(digits)} is too small; the minimum is {minimum}.")
        value = int(digits) if len(digits) <= _LONGEST_SHOWN else maximum + 1
        if value < minimum:
            raise typer.BadParameter(f"{value} is too small; the minimum is {minimum}.")
        if value > maximum:
            raise typer.BadParameter(f"{_shown(digits)} is too large; the maximum is {maximum}.")
        return value

    return parse


def _number_parser(minimum: float | None) -> Callable[[str | float], float]:
    def parse(text: str | float) -> float:
        try:
            value = float(text)
        except ValueError:
            raise typer.BadParameter(f"{_shown(str(text))} is not a number.") from None
        if minimum is not None and not minimum <= value < float("inf"):
            raise typer.BadParameter(f"{_shown(str(text))} is not a number of at least {minimum}.")
        return value

    return parse


def _path(text: str | Path) -> Path:
    if not str(text):
        raise typer.BadParameter("The path is empty.")
    return Path(text)


def _shown(text: str) -> str:
    if _is_integer(text):
        return text if len(text) <= _LONGEST_SHOWN else f"A number of {len(text)} digits"
    return repr(text) if len(text) <= _LONGEST_SHOWN else f"Text of {len(text)} characters"


def _is_integer(text: str) -> bool:
    return text.isascii() and text.removeprefix("-").isdigit()


def _range_note(minimum: int | None, maximum: int | None) -> str:
    if maximum is not None:
        return f" [{minimum or 0}..{maximum}]"
    return f" [at least {minimum}]" if minimum is not None and minimum > 0 else ""


def _completer(values: Values) -> Callable[[typer.Context], list[str]]:
    def complete(ctx: typer.Context) -> list[str]:
        return [*values(ctx.obj, ctx.params)]

    return complete
