"""Tiny models of vision-language families that no entry of `tests/agents/families.py` holds to the whole contract.

Made as those are, to be tried when they are loaded: `tests/agents/test_other_families.py` says what becomes of each.
"""

from __future__ import annotations

from tests.agents import patch_families, refused_families, tile_families

TAKEN = patch_families.FAMILIES | tile_families.FAMILIES
REFUSED = refused_families.FAMILIES
FAMILIES = TAKEN | REFUSED
