"""Locks that belong to a connection of their own."""

from partner_portal.lib.db.locks import EXPORT, session_lock

KEY = 2**31 - 1


def test_a_lock_is_free_when_its_block_ends_however_long_closing_takes(db: None) -> None:
    """PostgreSQL may notice a closed connection only after the next process has asked for the lock."""
    with session_lock(EXPORT, KEY) as side:
        assert side is not None
        close, side.close = side.close, lambda: None  # type: ignore[method-assign]
    with session_lock(EXPORT, KEY) as following:
        assert following is not None
    close()


def test_a_lock_that_is_held_is_not_given_twice(db: None) -> None:
    with session_lock(EXPORT, KEY) as side:
        assert side is not None
        with session_lock(EXPORT, KEY) as other:
            assert other is None
        with session_lock(EXPORT, KEY) as still_held:
            assert still_held is None


def test_a_lock_ends_with_a_connection_that_was_cut(db: None) -> None:
    with session_lock(EXPORT, KEY) as side:
        assert side is not None
        side.close()
