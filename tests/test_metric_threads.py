"""Threads of one process score at once, and each finds what it finds alone."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from pictures import noisy, photograph

from srcnn.metrics import DEFINITIONS, score

THREADS = 4


@pytest.mark.parametrize("definition", DEFINITIONS)
def test_threads_that_score_at_once_find_what_one_finds(definition):
    picture = photograph(48, 64)
    pairs = [(picture, noisy(picture, 5 + seed, seed)) for seed in range(4 * THREADS)]
    alone = [score(*pair, definition=definition) for pair in pairs]
    with ThreadPoolExecutor(THREADS) as pool:
        together = list(pool.map(lambda pair: score(*pair, definition=definition), pairs))
    assert together == alone
