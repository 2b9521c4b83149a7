"""docker-compose.yml: valid by Compose's own schema, closed but for the service, and true to the settings."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from app.config import load_settings, setting_names
from tests.containers.compose import ROOT, compose, read_profile

MODELS = {name: read_profile(name) for name in ("cpu", "gpu")}
SERVICES = [(profile, name) for profile, model in MODELS.items() for name in sorted(model["services"])]
BACKENDS = ("postgres", "qdrant", "vllm")
GPU = MODELS["gpu"]["services"]

of_every_service = pytest.mark.parametrize(("profile", "name"), SERVICES)


def service(profile: str, name: str) -> dict[str, Any]:
    found: dict[str, Any] = MODELS[profile]["services"][name]
    return found


def test_profiles_have_their_services() -> None:
    assert set(MODELS["cpu"]["services"]) == {"docent"}
    assert set(GPU) == {"docent-gpu", *BACKENDS}


@pytest.mark.parametrize(
    ("right", "wrong", "complaint"),
    [
        ("read_only: true", "readonly: true", "readonly"),
        ("restart: unless-stopped", "restart: [unless-stopped]", "restart"),
        ("internal: true", "internal: [yes, no]", "internal"),
        ("condition: service_healthy", "condition: service_well", "condition"),
    ],
)
def test_the_check_by_the_schema_sees_mistakes(tmp_path: Path, right: str, wrong: str, complaint: str) -> None:
    text = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
    assert right in text
    (tmp_path / "docker-compose.yml").write_text(text.replace(right, wrong))
    done = compose("--profile", "gpu", "config", "--quiet", folder=tmp_path)
    assert done.returncode != 0
    assert complaint in done.stderr


@of_every_service
def test_containers_are_hardened(profile: str, name: str) -> None:
    one = service(profile, name)
    assert one["read_only"] is True
    assert one["cap_drop"] == ["ALL"]
    assert one["security_opt"] == ["no-new-privileges:true"]
    assert not {"privileged", "cap_add", "devices", "pid", "ipc", "network_mode"} & set(one)
    # Our image and Qdrant's have users of their own. Besides volumes, a container writes to /tmp only.
    assert "user" in one or "build" in one or one["image"].endswith("-unprivileged")
    assert any(mounted.startswith("/tmp:") for mounted in one["tmpfs"])  # noqa: S108


@of_every_service
def test_images_are_pinned_to_a_version(profile: str, name: str) -> None:
    assert re.fullmatch(r"[\w./-]+:v?\d+\.\d+(\.\d+)?(-[a-z]+)?", service(profile, name)["image"])


def test_our_image_bears_the_version_of_the_project() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    assert service("cpu", "docent")["image"] == GPU["docent-gpu"]["image"] == f"docent:{version}"


@of_every_service
def test_only_the_service_is_exposed_and_on_this_machine_only(profile: str, name: str) -> None:
    ports = service(profile, name).get("ports", [])
    if name in BACKENDS:
        assert ports == []
        assert list(service(profile, name)["networks"]) == ["inside"]
    else:
        (port,) = ports
        assert (port["host_ip"], port["published"], port["target"]) == ("127.0.0.1", "8000", 8000)


def test_the_network_of_the_backends_has_no_way_out() -> None:
    assert MODELS["gpu"]["networks"]["inside"]["internal"] is True
    assert set(GPU["docent-gpu"]["networks"]) == {"inside", "outside"}


@of_every_service
def test_settings_of_docent_exist(profile: str, name: str) -> None:
    named = {variable for variable in service(profile, name).get("environment", {}) if variable.startswith("DOCENT_")}
    assert named <= set(setting_names())


@of_every_service
def test_no_secret_stands_in_the_configuration(profile: str, name: str) -> None:
    one = service(profile, name)
    for variable, value in one.get("environment", {}).items():
        if re.search(r"KEY|SECRET|PASSWORD|TOKEN|DATABASE__URL", variable):
            assert value.startswith("/run/secrets"), variable
    for word in [*(one.get("entrypoint") or []), *(one.get("command") or [])]:
        assert not re.search(r"KEY=(?!/run/secrets/)", word)


def test_secrets_are_files_that_each_container_gets_only_its_own_of() -> None:
    files = {name: Path(one["file"]) for name, one in MODELS["gpu"]["secrets"].items()}
    assert {path.parent for path in files.values()} == {ROOT / "secrets"}
    given = {name: {secret["source"] for secret in one.get("secrets", [])} for name, one in GPU.items()}
    assert given == {
        "docent-gpu": {"llm_api_key", "qdrant_api_key", "session_secret", "database_url"},
        "vllm": {"llm_api_key"},
        "qdrant": {"qdrant_api_key"},
        "postgres": {"postgres_password"},
    }
    made = (ROOT / "deploy/make-secrets.sh").read_text(encoding="utf-8")
    assert set(re.findall(r"^write (\S+)", made, re.MULTILINE)) == {path.name for path in files.values()}


def test_docent_reads_the_secrets_under_the_names_they_are_mounted_by(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in setting_names():
        monkeypatch.delenv(name, raising=False)
    targets = {secret["source"]: Path(secret["target"]).name for secret in GPU["docent-gpu"]["secrets"]}
    folder = tmp_path / "secrets"
    folder.mkdir()
    for source, target in targets.items():
        (folder / target).write_text(f"{source}-{'x' * 32}\n", encoding="utf-8")
    assert GPU["docent-gpu"]["environment"]["DOCENT_SECRETS_DIR"] == "/run/secrets"
    monkeypatch.setenv("DOCENT_SECRETS_DIR", str(folder))
    settings = load_settings()
    assert settings.llm.api_key.get_secret_value() == f"llm_api_key-{'x' * 32}"
    assert settings.index.qdrant_api_key.get_secret_value() == f"qdrant_api_key-{'x' * 32}"
    assert settings.auth.secret is not None
    assert settings.auth.secret.get_secret_value() == f"session_secret-{'x' * 32}"
    assert settings.database.url == f"database_url-{'x' * 32}"


def test_docent_speaks_to_the_other_services_by_their_names() -> None:
    named = GPU["docent-gpu"]["environment"]
    assert named["DOCENT_LLM__BASE_URL"] == "http://vllm:8000/v1"
    assert f"--served-model-name={named['DOCENT_LLM__MODEL']}" in GPU["vllm"]["command"]
    assert named["DOCENT_INDEX__QDRANT_URL"] == "http://qdrant:6333"
    models = {mounted["target"]: mounted for mounted in GPU["docent-gpu"]["volumes"]}
    assert models[named["DOCENT_EMBEDDING__PATH"]]["read_only"] is True
    assert {mounted["target"]: mounted for mounted in GPU["vllm"]["volumes"]}["/models/nitro-7b"]["read_only"] is True


def test_qdrant_is_of_the_version_of_its_client() -> None:
    pins = dict(re.findall(r"^([\w-]+)==(\S+)$", (ROOT / "requirements/serve.txt").read_text(), re.MULTILINE))
    assert GPU["qdrant"]["image"] == f"qdrant/qdrant:v{pins['qdrant-client']}-unprivileged"


def test_docent_waits_for_what_it_cannot_start_without() -> None:
    waits = {name: one["condition"] for name, one in GPU["docent-gpu"]["depends_on"].items()}
    assert waits == {"postgres": "service_healthy", "qdrant": "service_healthy", "vllm": "service_started"}
    assert all(GPU[name]["healthcheck"]["test"] for name in BACKENDS)


def test_vllm_gets_a_gpu_and_sends_no_statistics() -> None:
    (device,) = GPU["vllm"]["deploy"]["resources"]["reservations"]["devices"]
    assert (device["driver"], device["count"], device["capabilities"]) == ("nvidia", 1, ["gpu"])
    assert GPU["vllm"]["environment"]["VLLM_NO_USAGE_STATS"] == "1"
    assert GPU["qdrant"]["environment"]["QDRANT__TELEMETRY_DISABLED"] == "true"


def test_state_is_kept_in_volumes_of_their_own() -> None:
    mounted = {
        name: {volume["target"]: volume["source"] for volume in one["volumes"] if volume["type"] == "volume"}
        for name, one in (MODELS["cpu"]["services"] | GPU).items()
    }
    assert mounted == {
        "docent": {"/data": "docent-data"},
        "docent-gpu": {"/data": "docent-gpu-data"},
        "postgres": {"/var/lib/postgresql/data": "postgres-data"},
        "qdrant": {"/qdrant/storage": "qdrant-storage", "/qdrant/snapshots": "qdrant-snapshots"},
        "vllm": {},
    }
