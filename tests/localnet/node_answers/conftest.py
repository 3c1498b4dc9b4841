from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest

from psyche_cli.localnet.local_validator import LocalValidator
from tests.localnet.node_answers.asking import Asker


@pytest.fixture(scope="module")
def asker(validator: LocalValidator) -> Iterator[Asker]:
    with closing(Asker(validator.rpc_url)) as asker:
        yield asker
