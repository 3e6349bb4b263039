from __future__ import annotations

import pytest

from node.services.pictures.workshop import Workshop


@pytest.fixture(scope="session")
def workshop():
    """One worker process for all tests that do not break it."""
    made = Workshop()
    yield made
    made.close()
