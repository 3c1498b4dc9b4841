"""Options that ``download-results`` and ``upload-data`` share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from psyche_cli.cli.options import option, wallet_option
from psyche_cli.operations.files.defaults import BASE_URL, LONGEST_VALIDITY

BaseUrl = Annotated[
    str,
    option(
        "--base-url",
        metavar="URL",
        help=f"Base URL of the service. Defaults to {BASE_URL}. Must be https, or http on this machine.",
    ),
]
ExpiresInSeconds = Annotated[
    int,
    option(
        "--expires-in-seconds",
        metavar="N",
        help="Requested lifetime of the presigned URLs. Defaults to 3600. New ones are requested when they expire.",
        min=1,
        max=LONGEST_VALIDITY,
    ),
]
StallTimeout = Annotated[
    int,
    option(
        "--stall-timeout",
        metavar="SECONDS",
        help="Retry a request after this time without progress.",
        min=1,
        max=3600,
    ),
]
SigningWallet = Annotated[Path | None, wallet_option("that signs the requests to the service")]
RecordDir = Annotated[
    Path | None,
    option(
        "--state-dir",
        metavar="DIR",
        help="Folder of the record of transferred files. Defaults to psyche-cli in the user's state folder.",
    ),
]
