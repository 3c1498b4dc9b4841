"""One thread for matrix products, as in the worker processes: several slow down tests that run in parallel."""

from __future__ import annotations

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
