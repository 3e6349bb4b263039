"""Where the shared test data lies, when it lies there.

The vectors and reference tables are not part of the project. They stand in a folder beside the checkout
(`../shared`) or where TIDEWAITER_SHARED says. A test that needs them says loudly when they are missing, and in CI
their absence is a failure, so that a green CI cannot hide that nothing was compared.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


def shared_root() -> Path:
    """The folder that holds `vectors/` and `data/`."""
    return Path(os.environ.get("TIDEWAITER_SHARED", ROOT.parent / "shared"))


def shared(relative: str) -> Path:
    """The shared file or folder, or a loud skip (in CI: a failure)."""
    path = shared_root() / relative
    if path.exists():
        return path
    message = f"shared test data missing: {path} (set TIDEWAITER_SHARED to the folder that holds vectors/ and data/)"
    if os.environ.get("CI"):
        pytest.fail(message)
    pytest.skip(message)


def have(relative: str) -> bool:
    """Whether the shared file is there, for parametrisation at collection time."""
    return (shared_root() / relative).exists()
