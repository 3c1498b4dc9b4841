"""The two JSON dumps, in the shape of the published client."""

from __future__ import annotations

from psyche_cli.operations.runs import find_run, token_amount
from psyche_cli.protocol.accounts import decode_participant
from psyche_cli.protocol.addresses import associated_token_address, check_run_id, parse_pubkey, participant_address
from psyche_cli.protocol.dump import run_dump, user_dump
from psyche_cli.results import Document
from psyche_cli.session import Session
