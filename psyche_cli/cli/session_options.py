"""The options that a session adds to a verb, as parameters of its function."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from psyche_cli.cli.options import LocalRpc, Rpc, SignatureElsewhere, StateDir, Yes, option
from psyche_cli.limits import LOCAL_RPC_URL


def _added(name: str, annotation: Any, default: object = None) -> inspect.Parameter:
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)


RPC: Final = _added("rpc", Rpc)
LOCAL_RPC: Final = _added("rpc", LocalRpc, LOCAL_RPC_URL)
WS_RPC: Final = _added(
    "ws_rpc",
    Annotated[
        str | None,
        option("--ws-rpc", hidden=True, help="Accepted for compatibility with the published client; has no effect."),
    ],
)
FOLLOW_WS_RPC: Final = _added(
    "ws_rpc",
    Annotated[
        str | None,
        option(
            "--ws-rpc",
            metavar="URL",
            help="WebSocket URL that reports changes of the run. Defaults to the one that belongs to --rpc. Without a "
            "WebSocket, the run is read every two seconds.",
        ),
    ],
)
ENV_FILE: Final = _added(
    "env_file",
    Annotated[
        Path | None,
        option(
            "--env-file",
            metavar="FILE",
            help="Read RPC, WALLET_PRIVATE_KEY_PATH and RAW_WALLET_PRIVATE_KEY from this file of KEY=VALUE lines. "
            "Other variables in it are ignored. It takes precedence over the environment, but not over options.",
        ),
    ],
)
STATE_DIR: Final = _added("state_dir", StateDir)
YES: Final = _added("yes", Yes, False)
ARCHIVE: Final = _added(
    "archive",
    Annotated[
        Path | None,
        option("--archive", metavar="FILE", help="Read the run from this archive, written by history export, offline."),
    ],
)
OFFLINE: Final = _added(
    "offline",
    Annotated[bool, option("--offline", help="Make no requests: show only what is known without the cluster.")],
    False,
)
COMMITMENT: Final = _added(
    "commitment",
    Annotated[
        Literal["processed", "confirmed", "finalized"] | None,
        option(
            "--commitment",
            help="Commitment level of everything that the command reads, simulates and waits for: processed "
            "(read-only commands), confirmed, or finalized, which takes about 15 seconds longer. Defaults to "
            "confirmed.",
        ),
    ],
)
TIMEOUT: Final = _added(
    "timeout",
    Annotated[
        str | None,
        option(
            "--timeout",
            metavar="DURATION",
            help="Time limit of the whole command: seconds, or a duration such as 2m. By default, a failed request is "
            "retried for up to 20 seconds.",
        ),
    ],
)
WRITING_TIMEOUT: Final = _added(
    "timeout",
    Annotated[
        str | None,
        option(
            "--timeout",
            metavar="DURATION",
            help="Time limit of the whole command: seconds, or a duration such as 2m. With a short limit, the outcome "
            "of a transaction is more likely to remain unknown.",
        ),
    ],
)
PRIORITY_FEE: Final = _added(
    "priority_fee",
    Annotated[
        str | None,
        option(
            "--priority-fee",
            metavar="auto|PRICE",
            help="Pay a priority fee: the price in micro-lamports per compute unit, or auto to choose it from the "
            "prices of recent slots. None by default.",
        ),
    ],
)
MAX_FEE: Final = _added(
    "max_fee",
    Annotated[
        str | None,
        option(
            "--max-fee",
            metavar="SOL",
            help="Maximum priority fee of a transaction. An auto price is lowered to stay within it; a given price "
            "that exceeds it is refused. Defaults to 0.001.",
        ),
    ],
)
DRY_RUN: Final = _added(
    "dry_run",
    Annotated[
        bool,
        option("--dry-run", help="Simulate the transaction and show its effects; sign and send nothing."),
    ],
    False,
)

ELSEWHERE: Final = {
    parameter.name: parameter
    for parameter in (
        _added(
            "authority",
            Annotated[
                str | None,
                option(
                    "--authority",
                    metavar="PUBKEY",
                    help="Public key of the authority, if it is not the wallet. If its keypair is not on this "
                    "computer, use --unsigned or --sign-only.",
                ),
            ],
        ),
        _added(
            "fee_payer",
            Annotated[
                str | None,
                option(
                    "--fee-payer",
                    metavar="KEYPAIR|PUBKEY",
                    help="Account that pays fees and rent. Defaults to the wallet, or to the authority if no wallet "
                    "signs.",
                ),
            ],
        ),
        _added(
            "unsigned",
            Annotated[
                bool,
                option(
                    "--unsigned", help="Simulate the transaction and print it, to be signed elsewhere; send nothing."
                ),
            ],
            False,
        ),
        _added(
            "sign_only",
            Annotated[
                bool,
                option(
                    "--sign-only",
                    help="Simulate the transaction, sign it with the available keys, and print it; send nothing.",
                ),
            ],
            False,
        ),
        _added(
            "blockhash",
            Annotated[
                str | None,
                option("--blockhash", metavar="HASH", help="Blockhash of the transaction, instead of the latest one."),
            ],
        ),
        _added(
            "nonce",
            Annotated[
                str | None,
                option(
                    "--nonce",
                    metavar="PUBKEY",
                    help="Nonce account whose durable nonce replaces the blockhash, so that the transaction does not "
                    "expire.",
                ),
            ],
        ),
        _added(
            "nonce_authority",
            Annotated[
                str | None,
                option(
                    "--nonce-authority",
                    metavar="KEYPAIR|PUBKEY",
                    help="Authority of the nonce account. Defaults to --authority, or to the wallet.",
                ),
            ],
        ),
        _added("signer", SignatureElsewhere),
        _added(
            "output_file",
            Annotated[
                Path | None,
                option(
                    "--output-file",
                    "-o",
                    metavar="FILE",
                    help="With --unsigned or --sign-only, also write the transaction to this new file. An existing "
                    "file is never overwritten.",
                ),
            ],
        ),
    )
}
"""Options for transactions that are signed or sent elsewhere."""
