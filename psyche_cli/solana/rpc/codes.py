"""The error codes of JSON-RPC 2.0 and of Solana's RPC nodes.

The codes of the nodes are those of Agave's ``rpc-client-api`` (``custom_error.rs``).
"""

from __future__ import annotations

from typing import Final

PARSE_ERROR: Final = -32700
INVALID_REQUEST: Final = -32600
METHOD_NOT_FOUND: Final = -32601
INVALID_PARAMS: Final = -32602
INTERNAL_ERROR: Final = -32603

SERVER_ERROR: Final = -32000
BLOCK_CLEANED_UP: Final = -32001
PREFLIGHT_FAILURE: Final = -32002
SIGNATURE_VERIFICATION_FAILURE: Final = -32003
BLOCK_NOT_AVAILABLE: Final = -32004
NODE_UNHEALTHY: Final = -32005
"""The node is behind the cluster."""
PRECOMPILE_VERIFICATION_FAILURE: Final = -32006
SLOT_SKIPPED: Final = -32007
NO_SNAPSHOT: Final = -32008
LONG_TERM_STORAGE_SLOT_SKIPPED: Final = -32009
TRANSACTION_HISTORY_NOT_AVAILABLE: Final = -32011
SCAN_ERROR: Final = -32012
"""A scan of accounts was ended, for example because of the size of its result."""
SIGNATURE_LENGTH_MISMATCH: Final = -32013
UNSUPPORTED_TRANSACTION_VERSION: Final = -32015
MIN_CONTEXT_SLOT_NOT_REACHED: Final = -32016

RATE_LIMITED: Final = 429
"""HTTP status "too many requests", which some providers return as a JSON-RPC error code."""
