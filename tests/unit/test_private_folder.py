"""The installation's folder is closed to other users of the machine, an older one too."""

import stat
from pathlib import Path

import pytest

from partner_portal.lib import private_folder
from partner_portal.lib.private_folder import make_private


@pytest.fixture(autouse=True)
def no_embedded_database(monkeypatch: pytest.MonkeyPatch) -> None:
    """As for an ordinary user, and for root before the database has its user."""
    monkeypatch.setattr(private_folder, "_group_of_system_user", lambda: None)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_new_folder_is_the_users_own(tmp_path: Path) -> None:
    make_private(tmp_path / "a" / "var")
    assert mode(tmp_path / "a" / "var") == 0o700


def test_an_older_folder_is_closed_with_what_lies_in_it(tmp_path: Path) -> None:
    var = tmp_path / "var"
    for name in ("mail", "log", "files", "static"):
        (var / name).mkdir(parents=True)
        (var / name).chmod(0o755)
    var.chmod(0o755)
    (var / "secret-key").touch(0o644)
    make_private(var)
    modes = {path.name: mode(path) for path in (var, *var.iterdir())}
    assert modes == {"var": 0o700, "mail": 0o700, "log": 0o700, "files": 0o700, "static": 0o755, "secret-key": 0o600}


def test_what_the_embedded_databases_user_needs_stays(tmp_path: Path) -> None:
    tmp_path.chmod(0o710)
    make_private(tmp_path)
    assert mode(tmp_path) == 0o710


def test_root_lets_the_embedded_databases_user_pass_and_nobody_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    group = tmp_path.stat().st_gid
    monkeypatch.setattr(private_folder, "_group_of_system_user", lambda: group)
    for name in ("mail", "log"):
        (tmp_path / name).mkdir(mode=0o755)
    make_private(tmp_path)
    expected = (0o710, 0o710, 0o700) if tmp_path.stat().st_uid == 0 else (0o700, 0o700, 0o700)
    assert (mode(tmp_path), mode(tmp_path / "log"), mode(tmp_path / "mail")) == expected


def test_a_folder_that_cannot_be_made_is_left_to_whoever_writes_there(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    make_private(tmp_path / "file" / "var")
