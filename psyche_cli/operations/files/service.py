"""The file service, which stores files of runs: results to download, and data to upload.

It is not part of the chain. A request is authorized by a signature of the wallet over the run id, the requested
validity of the URLs, and a random nonce. The answer contains presigned URLs of a storage server, which are secrets
while they are valid: anyone who knows one can use it.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import quote, urlsplit

from psyche_cli.errors import BadServiceResponse, HttpStatusError, PsycheError, UsageError
from psyche_cli.operations.files.defaults import BASE_URL
from psyche_cli.operations.files.exchange import FileHttp
from psyche_cli.operations.files.progress import TransferProgress
from psyche_cli.operations.files.retries import Retries
from psyche_cli.solana.endpoints import endpoint_label, is_loopback
from psyche_cli.solana.wallet import Wallet

_LARGEST_RESPONSE: Final = 64 * 1024 * 1024
_NONCE_BITS: Final = 64
_BASE_HINT: Final = f"Use a URL such as {BASE_URL}."
_HINTS: Final[Mapping[int, str]] = {
    401: "The service does not accept the signature of the wallet. Check the wallet and the run id.",
    403: "The service does not allow this wallet to access the files of this run. Check the wallet and the run id.",
    404: "Check the run id and the base URL.",
}


def check_base_url(text: str) -> str:
    """The base URL without surrounding quotes and a final slash.

    Raises UsageError unless it is an https URL, or an http URL on this machine, without user name, query and fragment.
    """
    url = text.strip().strip('"').strip().rstrip("/")
    try:
        parts = urlsplit(url)
        port, host = parts.port, parts.hostname
    except ValueError:
        port, host = 0, None
    if not host or port == 0 or not url.isascii() or not url.isprintable() or " " in url:
        raise UsageError("The base URL is not valid.", hint=_BASE_HINT)
    if parts.scheme != "https" and not (parts.scheme == "http" and is_loopback(url)):
        raise UsageError(
            f"The base URL {endpoint_label(url)} must have the scheme https; http is only allowed for a server on this "
            "machine.",
            hint=_BASE_HINT,
        )
    if parts.username is not None or parts.query or parts.fragment:
        raise UsageError(
            f"The base URL {endpoint_label(url)} must not have a user name, a query or a fragment.", hint=_BASE_HINT
        )
    return url


class RunFiles:
    """The files of one run at the service.

    ``expires_in_seconds`` is the requested validity of presigned URLs. Methods raise NetworkError.
    """

    def __init__(
        self,
        http: FileHttp,
        wallet: Wallet,
        *,
        base_url: str,
        run_id: str,
        expires_in_seconds: int,
        progress: TransferProgress,
    ) -> None:
        self._http = http
        self._wallet = wallet
        self._base_url = base_url
        self._run_id = run_id
        self._expires = expires_in_seconds
        self._progress = progress
        self.label = endpoint_label(base_url)

    def downloads(self) -> list[tuple[str, str]]:
        """The path and presigned URL of each file, as the service sent them. Paths are not checked."""
        listed = self._post("download", {}).get("urls")
        if not isinstance(listed, list) or not all(_is_entry(entry) for entry in listed):
            raise self._invalid("the list of files is malformed")
        return [(entry["path"], self._checked(entry["url"])) for entry in listed]

    def upload(self, path: str) -> str:
        """A presigned URL to upload a file with this path."""
        url = self._post("upload", {"filename": path}).get("url")
        if not isinstance(url, str):
            raise self._invalid("it contains no URL")
        return self._checked(url)

    def _post(self, verb: str, fields: Mapping[str, str]) -> Mapping[str, Any]:
        retries = Retries(self._progress)
        self._progress.note(f"Requesting URLs from {self.label}")
        while True:
            try:
                return self._attempt(verb, fields)
            except PsycheError as error:
                retries.pause(error)

    def _attempt(self, verb: str, fields: Mapping[str, str]) -> Mapping[str, Any]:
        nonce = str(secrets.randbits(_NONCE_BITS))
        message = f"nous-run-down-service:{self._run_id}:{self._expires}:{nonce}"
        body = json.dumps({**fields, "expiresInSeconds": self._expires, "nonce": nonce}).encode()
        headers = {
            "Content-Type": "application/json",
            "Accept": "application/json",
            "X-Solana-Signature": str(self._wallet.sign_message(message.encode())),
        }
        url = f"{self._base_url}/{verb}/{quote(self._run_id, safe='')}"
        with self._http.request("POST", url, headers, body, size=len(body)) as answer:
            if answer.status not in (HTTPStatus.OK, HTTPStatus.CREATED):
                raise answer.failure(_HINTS.get(answer.status, ""))
            content = answer.body(_LARGEST_RESPONSE)
        try:
            document = json.loads(content)
        except (ValueError, RecursionError):
            document = None
        if not isinstance(document, dict):
            raise self._invalid("it is not a JSON object")
        return document

    def _checked(self, url: str) -> str:
        """A presigned URL that may be used: https, or a server on this machine if the service is too."""
        is_local = is_loopback(self._base_url)
        try:
            parts = urlsplit(url)
            is_usable = bool(parts.hostname) and parts.port != 0 and url.isascii() and url.isprintable()
            is_here = is_usable and is_loopback(url)
        except ValueError:
            is_usable, is_here = False, False
        if not is_usable or " " in url:
            raise self._invalid("it contains an invalid URL")
        if not (
            (parts.scheme == "https" and (is_local or not is_here)) or (parts.scheme == "http" and is_here and is_local)
        ):
            raise self._invalid("it contains a URL that is not https, or that is a server on this machine")
        return url

    def _invalid(self, reason: str) -> BadServiceResponse:
        return BadServiceResponse(f"The response from {self.label} is invalid: {reason}.", endpoint=self.label)


def _is_entry(entry: object) -> bool:
    return isinstance(entry, dict) and isinstance(entry.get("path"), str) and isinstance(entry.get("url"), str)


def needs_new_url(error: PsycheError) -> bool:
    """Whether a storage server rejected a presigned URL, usually because it has expired."""
    return isinstance(error, HttpStatusError) and error.status in (
        HTTPStatus.BAD_REQUEST,
        HTTPStatus.UNAUTHORIZED,
        HTTPStatus.FORBIDDEN,
        HTTPStatus.NOT_FOUND,
        HTTPStatus.GONE,
    )
