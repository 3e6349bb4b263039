"""Legal holds, data subjects' requests and the register of exports."""

from __future__ import annotations
