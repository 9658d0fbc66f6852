import os
import pytest
from compare import compare

FIRST = int(os.environ.get("ORACLE_FIRST", "1"))
COUNT = int(os.environ.get("ORACLE_PARTNERS", "12"))


@pytest.mark.parametrize("seed", range(FIRST, FIRST + COUNT))
def test_figures(db, seed):
    days, found = compare(seed, days=int(os.environ.get("ORACLE_DAYS", "8")), staged=seed % 2 == 0)
    print(seed, days)
    assert not found, "\n".join(found[:12])
