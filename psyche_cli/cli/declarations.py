"""The declaration of a verb: a function whose signature declares its options, and how it is run."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from psyche_cli.cli.options import EXPECTED_VARIABLES, VARIABLES, Option

if TYPE_CHECKING:
    from psyche_cli.environment import Environment
    from psyche_cli.results import Result


class Call(NamedTuple):
    """A verb's parsed command line.

    ``values`` are its options and arguments by parameter. ``typed`` are the parameters given on the command line,
    ``from_variables`` those set by an environment variable; all others have their defaults.
    """

    environment: Environment
    values: Mapping[str, Any]
    typed: frozenset[str] = frozenset()
    from_variables: frozenset[str] = frozenset()


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


def call_verb(function: Callable[..., Any], call: Call) -> Any:
    """Call a verb's function with its own options, and with the ``Call`` if it has a parameter for it."""
    code = function.__code__
    names = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
    own = {name: value for name, value in call.values.items() if name in names}
    return function(call, **own) if "call" in names else function(**own)
