"""Read by Python itself at the start of every process of a mutant: puts the breakage in as modules load.

The folder is on PYTHONPATH for these processes alone; nothing in the product knows of it.
"""

from __future__ import annotations

import os

if "CHAOS_MUTANT" in os.environ:
    from tests.chaos.mutants import grafting

    grafting.graft(os.environ["CHAOS_MUTANT"])
