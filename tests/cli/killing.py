"""Commands that end like a killed process: at a request, without any report or cleanup of their own."""

from __future__ import annotations

from psyche_cli.cli.app import main
from psyche_cli.environment import Environment
from psyche_cli.transport import Transport
from tests.cli.conftest import House
from tests.cli.harness import environment_of, methods_of


class Killed(BaseException):
    """No code of the product catches this and continues."""


class KillingTransport:
    """Ends the command at the ``nth`` request of a method, before or after the validator has executed it."""

    def __init__(self, inner: Transport, method: str, *, executes: bool, nth: int = 1) -> None:
        self._inner, self._method, self._executes, self._left = inner, method, executes, nth
        self.environment: Environment | None = None

    @property
    def label(self) -> str:
        return self._inner.label

    def send(self, body: bytes, *, timeout: float) -> bytes:
        if self._method not in methods_of(body):
            return self._inner.send(body, timeout=timeout)
        self._left -= 1
        if self._left:
            return self._inner.send(body, timeout=timeout)
        if self._executes:
            self._inner.send(body, timeout=timeout)
        assert self.environment is not None
        self.environment.after_output.clear()
        raise Killed

    def close(self) -> None:
        self._inner.close()


def killed(house: House, method: str, *words: object, executes: bool, nth: int = 1) -> None:
    """Run a command that is killed at a request."""
    transport = KillingTransport(house.chain.transport("http://127.0.0.1:8899"), method, executes=executes, nth=nth)
    environment = environment_of(house.cli).replaced(open_transport=lambda _url: transport)
    transport.environment = environment
    assert main([str(word) for word in words], environment) == 1
    assert transport._left == 0, "it was not killed"
