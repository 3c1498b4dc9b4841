"""Defaults and limits of the file service."""

from __future__ import annotations

from typing import Final

BASE_URL: Final = "https://run-down.nousresearch.com/v1"
"""The service of the published client."""

LONGEST_VALIDITY: Final = 604_800
"""Longest validity of a presigned URL in seconds, 7 days: the limit of the common storage services."""
