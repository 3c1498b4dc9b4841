"""Advice on words that are verbs of other tools, or that users expect to be verbs here."""

from __future__ import annotations

from typing import Final

_LOOK: Final = ("To look at a run, use show. To list all runs, use list-runs.", "show")
_PAUSE: Final = ("To pause a run, use set-paused.", "set-paused")
_RESUME: Final = ("To start or resume a run, use set-paused with --resume.", "set-paused")
_CLOSE: Final = ("To close a run for good and recover its rent, use close-run.", "close-run")
_CONFIGURE: Final = ("To configure a run, use update-config.", "update-config")
_JOIN: Final = ("Runs are joined by the training client. Whether a key may join is answered by can-join.", "can-join")
_DIAGNOSE: Final = ("To find out what is wrong with a run, use explain.", "explain")
_MEMBERS: Final = ("To list the members of a run, use members.", "members")
_TOP_UP: Final = ("To put rewards into a run's vault, use treasurer-top-up-rewards.", "treasurer-top-up-rewards")
_ADDRESS: Final = ("To print the wallet's public key, use keygen pubkey.", "keygen pubkey")

_ADVICE: Final = {
    **dict.fromkeys(("status", "show-run", "get", "get-run", "info", "inspect", "describe"), _LOOK),
    **dict.fromkeys(("view", "read-run", "run", "dump", "dump-run", "run-status", "run-info"), _LOOK),
    **dict.fromkeys(("list", "ls", "runs"), ("To list the runs on the cluster, use list-runs.", "list-runs")),
    **dict.fromkeys(("pause", "pause-run", "stop", "stop-run", "halt"), _PAUSE),
    **dict.fromkeys(("resume", "resume-run", "start", "start-run", "unpause", "unpause-run"), _RESUME),
    **dict.fromkeys(("delete", "delete-run", "remove", "remove-run", "rm", "destroy", "close", "end-run"), _CLOSE),
    **dict.fromkeys(("create", "new", "init", "new-run"), ("To create a run, use create-run.", "create-run")),
    **dict.fromkeys(("update", "configure", "set-config", "update-run"), _CONFIGURE),
    **dict.fromkeys(("diagnose", "diagnosis", "doctor", "why", "health"), _DIAGNOSE),
    **dict.fromkeys(("clients", "participants", "list-members", "member"), _MEMBERS),
    **dict.fromkeys(("join", "join-run", "train", "predownload"), _JOIN),
    **dict.fromkeys(("top-up", "fund", "deposit"), _TOP_UP),
    **dict.fromkeys(
        ("claim", "claim-rewards"), ("To claim rewards, use treasurer-claim-rewards.", "treasurer-claim-rewards")
    ),
    **dict.fromkeys(
        ("download", "results", "pull", "fetch"),
        ("To download the files of a run, use download-results.", "download-results"),
    ),
    **dict.fromkeys(("upload", "push"), ("To upload files for a run, use upload-data.", "upload-data")),
    **dict.fromkeys(("address", "pubkey", "whoami"), _ADDRESS),
    **dict.fromkeys(("test-validator", "validator"), ("To start a local validator, use localnet.", "localnet")),
}


def advice_on(word: str) -> tuple[str, str] | None:
    """A sentence that names the verb for what the word asks for, and that verb; None for any other word.

    It is never a command line to paste, so no run is paused or closed by mistake.
    """
    return _ADVICE.get(word.lower().replace("_", "-"))
