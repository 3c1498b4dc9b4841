"""Which requests the server of the dashboard answers: those of its own page, and those of the user."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from psyche_cli.operations.serving.tokens import bears_token, is_token, new_token

if TYPE_CHECKING:
    from aiohttp.web import BaseRequest

    from psyche_cli.operations.serving.sockets import OwnHost

_OWN_SITE: Final = ("same-origin", "none")
"""Values of Sec-Fetch-Site: a request of the page, and one of the user."""


class Refusal(NamedTuple):
    """Why a request is not answered, and with which status."""

    status: int
    sentence: str


class Guard:
    """Checks requests to a server at ``own``. Without a ``token``, it must be on loopback.

    With a token, each request must have it in the header ``Authorization`` or in a cookie; the page gets the cookie
    when it is opened with the token, or with a code that is valid once.
    """

    def __init__(self, own: OwnHost, token: str) -> None:
        self._own = own
        self._token = token
        self._code = ""
        self._cookie = f"psyche_dashboard_{own.port}"

    def new_code(self) -> str:
        """A code that opens the page once."""
        self._code = new_token()
        return self._code

    def refusal(self, request: BaseRequest) -> Refusal | None:
        """Why a request is refused; None for one that is answered."""
        if request.method not in ("GET", "HEAD"):
            return Refusal(405, "Only GET is supported.")
        if request.can_read_body:
            return Refusal(413, "Requests must not have a body.")
        if not self._is_own(request):
            return Refusal(403, "The host or the origin of the request is not allowed.")
        if self._token and not self._has_token(request):
            return Refusal(401, "A token is required. Open the page with ?token= and the token.")
        return None

    def opens(self, request: BaseRequest) -> bool:
        """Whether a request for the page brings the token or a valid code, which is then used up."""
        if not self._token or not self._is_own(request):
            return False
        if is_token(request.query.get("token", ""), self._token):
            return True
        if self._code and is_token(request.query.get("code", ""), self._code):
            self._code = ""
            return True
        return False

    @property
    def cookie(self) -> str:
        """The header ``Set-Cookie`` for a page that was opened. Scripts and other sites cannot use it."""
        return f"{self._cookie}={self._token}; Path=/; HttpOnly; SameSite=Strict"

    def _is_own(self, request: BaseRequest) -> bool:
        """Whether a request does not come from the page of another site.

        Without a token, a host name that only resolves to this machine is refused too (DNS rebinding).
        """
        if request.headers.get("Sec-Fetch-Site", "none") not in _OWN_SITE:
            return False
        if not self._token and not self._own.allows(request.host):
            return False
        origin = request.headers.get("Origin")
        return origin is None or origin == f"http://{request.host}"

    def _has_token(self, request: BaseRequest) -> bool:
        if bears_token(request.headers.get("Authorization", ""), self._token):
            return True
        return is_token(request.cookies.get(self._cookie, ""), self._token)
