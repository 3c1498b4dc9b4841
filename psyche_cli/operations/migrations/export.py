"""The export of a run before it is replaced: a folder with its accounts, its files, and a manifest of checksums."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

from solders.pubkey import Pubkey

from psyche_cli.errors import ConfigurationError, StalePlan, UnsupportedLayout, UsageError
from psyche_cli.json_text import json_text
from psyche_cli.limits import U64_MAX
from psyche_cli.operations.archives.collecting import collect
from psyche_cli.operations.migrations.old_run import OldRun, Origin, reading_only
from psyche_cli.operations.observe.dump_shapes import run_dump
from psyche_cli.operations.run_files.dump import run_file_text
from psyche_cli.operations.sessions import Session
from psyche_cli.protocol.accounts.small_accounts import decode_authorization
from psyche_cli.solana.programs import CLOCK_SYSVAR, UPGRADEABLE_LOADER
from psyche_cli.solana.raw_account import RawAccount

FORMAT: Final = 1
"""Version of the format of exports."""
MANIFEST: Final = "manifest.json"
OLD_RUN: Final = "old-run.toml"
_DUMP: Final = "old-run.json"
_ACCOUNTS: Final = "accounts"


class Exported(NamedTuple):
    """A complete export: of which run, the data of its coordinator account, and where its training continues.

    ``others`` are the names of what else is in its folder.
    """

    folder: Path
    run_id: str
    account: Pubkey
    data: bytes
    origin: Origin | None
    others: tuple[str, ...]

    def is_of(self, old: OldRun) -> bool:
        """Whether it is an export of a run as it is now."""
        return (self.account, self.data) == (old.account, old.data)


def read_export(folder: Path) -> Exported | None:
    """The export in a folder, whose files are compared with their checksums; None if there is no such folder.

    Raises UsageError for a folder with anything else, or with an export that was changed.
    """
    if not os.path.lexists(folder):
        return None
    try:
        manifest = json.loads((folder / MANIFEST).read_bytes())
        account = Pubkey.from_string(manifest["coordinator_account"])
        wrong = [name for name, digest in manifest["files"].items() if _digest((folder / name).read_bytes()) != digest]
        complete = manifest["format"] == FORMAT and not wrong
        origin = None if manifest["origin"] is None else Origin(**manifest["origin"])
        document = json.loads((folder / _ACCOUNTS / f"{account}.json").read_bytes())
        data = base64.b64decode(document["account"]["data"][0], validate=True)
        own = {*manifest["files"], MANIFEST, _ACCOUNTS}
        others = sorted({str(one.relative_to(folder)) for one in folder.rglob("*")} - own)
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
        complete = False
    if not complete:
        raise UsageError(
            f"The folder {folder} is not the export of a run, or it was changed.",
            hint="Choose another one: --export-dir FOLDER.",
            path=str(folder),
        )
    return Exported(folder, str(manifest["run_id"]), account, data, origin, tuple(others))


def why_unwritable(folder: Path, exported: Exported | None) -> str:
    """Why no export can be written to a folder, which has that of ``exported`` so far; empty if nothing is known."""
    parent = folder.parent
    if not parent.is_dir():
        return f"the folder {parent} does not exist"
    if not os.access(parent, os.W_OK | os.X_OK):
        return f"the folder {parent} cannot be written to"
    if exported is not None and exported.others:
        more = len(exported.others) - 1
        named = f"{folder / exported.others[0]}{f' and {more} more' if more > 0 else ''}"
        return f"{named} would be deleted: move it elsewhere"
    return ""


def export_run(session: Session, old: OldRun, folder: Path) -> Exported:
    """Write the accounts of a run and its files to a folder, which exists only once it is complete, and read it back.

    An earlier export of the same run is replaced. Raises StalePlan if the run has changed since it was read,
    UsageError, and the errors of the requests.
    """
    index = old.run.treasury.run.index if old.run.treasury else None
    collected = collect(reading_only(session), old.run_id, index, ())
    found = [one.account for one in collected.accounts if one.account is not None]
    accounts = {raw.address: raw for raw in found if _is_of_run(raw)}
    if old.account not in accounts or accounts[old.account].data != old.data:
        raise StalePlan(f"Run {old.run_id!r} has changed while it was to be exported.", hint="Nothing was written.")
    files = {f"{_ACCOUNTS}/{address}.json": _account_file(raw) for address, raw in accounts.items()}
    files |= _texts(session, old, accounts)
    manifest: dict[str, Any] = {
        "format": FORMAT,
        "run_id": old.run_id,
        "coordinator_account": str(old.account),
        "genesis_hash": str(session.rpc.genesis_hash()),
        "slot": collected.clock.slot,
        "time": collected.clock.unix_timestamp,
        "origin": None if old.origin is None else old.origin._asdict(),
        "files": {name: _digest(content) for name, content in files.items()},
    }
    _write(folder, {**files, MANIFEST: json_text(manifest).encode() + b"\n"})
    exported = read_export(folder)
    if exported is None or (exported.account, exported.data) != (old.account, old.data):
        raise UsageError(f"The export in {folder} is not what was written to it.", hint="Check the file system.")
    return exported


def _is_of_run(raw: RawAccount) -> bool:
    """Whether an account is data, rather than a program or the clock."""
    return not raw.executable and raw.owner != UPGRADEABLE_LOADER and raw.address != CLOCK_SYSVAR


def _account_file(raw: RawAccount) -> bytes:
    """An account in the form of ``solana account --output json``, which ``localnet --account-dir`` reads."""
    content = {
        "pubkey": str(raw.address),
        "account": {
            "lamports": raw.lamports,
            "data": [base64.b64encode(raw.data).decode(), "base64"],
            "owner": str(raw.owner),
            "executable": raw.executable,
            "rentEpoch": U64_MAX,
            "space": raw.size,
        },
    }
    return json_text(content).encode() + b"\n"


def _texts(session: Session, old: OldRun, accounts: Mapping[Pubkey, RawAccount]) -> dict[str, bytes]:
    run, treasury = old.run, old.run.treasury
    dump: Any = run_dump(run.instance, run.account)
    if treasury is not None:
        dump = run_dump(run.instance, run.account, treasury.run, treasury.mint, treasury.vault_amount)
    texts = {_DUMP: json_text(dump) + "\n"}
    permits = [
        decode_authorization(raw, session.programs)
        for raw in accounts.values()
        if raw.owner == session.programs.authorizer
    ]
    # One that no file can express is in the dump, and in the account.
    with contextlib.suppress(ConfigurationError, UnsupportedLayout):
        run.require_rules_of_v1()
        texts[OLD_RUN] = run_file_text(run, [one for one in permits if one.grantor == run.instance.join_authority])
    return {name: text.encode() for name, text in texts.items()}


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _write(folder: Path, files: Mapping[str, bytes]) -> None:
    hidden = None
    try:
        hidden = Path(tempfile.mkdtemp(prefix=f".{folder.name[:100]}.", dir=folder.parent))
        (hidden / _ACCOUNTS).mkdir()
        for name, content in files.items():
            with (hidden / name).open("xb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
        hidden.chmod(0o755)
        if folder.exists():
            if reason := why_unwritable(folder, read_export(folder)):  # never removes anything else
                raise UsageError(f"Cannot write the export of the run to {folder}: {reason}.", path=str(folder))
            shutil.rmtree(folder)
        hidden.rename(folder)
        _sync(folder / _ACCOUNTS)
        _sync(folder)
        _sync(folder.parent)
        hidden = None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else "invalid path"
        raise UsageError(
            f"Cannot write the export of the run to {folder}: {reason}.",
            hint="Choose another folder: --export-dir FOLDER.",
            path=str(folder),
        ) from error
    finally:
        if hidden is not None:
            shutil.rmtree(hidden, ignore_errors=True)


def _sync(folder: Path) -> None:
    """Make sure that the names in a folder are on the disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
