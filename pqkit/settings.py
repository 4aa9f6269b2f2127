"""Settings from the environment (``PQKIT_URL`` …), ``.env`` and pyproject.toml.

They are checked once. The table in pyproject.toml is ``[tool.pqkit]``.
"""

import tomllib
from collections.abc import Callable, Mapping
from functools import cache
from io import StringIO
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import unquote, urlsplit

from dotenv import dotenv_values
from pydantic import BeforeValidator, Field, SecretStr, ValidationError, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError
from pydantic_settings import BaseSettings, NoDecode, PydanticBaseSettingsSource, PyprojectTomlConfigSettingsSource
from pydantic_settings import SettingsConfigDict as Config

from pqkit.errors import PqkitError
from pqkit.files import read_small, readers
from pqkit.redaction.redact import redact
from pqkit.redaction.secret_words import is_secret

BEATS_PER_LEASE = 3
ENV_FILE = ".env"
PROJECT_FILE, PROJECT_TABLE = "pyproject.toml", ("tool", "pqkit")
ALONE = {"KEY", "KEYS", "OTEL_EXPORTER_OTLP_HEADERS"}
"""Variable names that are secret, although such words are not secret in other names."""


def _read_days(value: object) -> object:
    return None if value == "forever" else value


Days = Annotated[Annotated[float, Field(ge=0)] | None, BeforeValidator(_read_days)]
"""A number of days; None means for ever."""
Network = IPv4Network | IPv6Network


def _read_network(value: object) -> object:
    try:
        return ip_network(value, strict=False) if isinstance(value, str) else value
    except ValueError:
        words = "{value} is no address or network, such as 10.0.0.7 or 10.0.0.0/8"
        raise PydanticCustomError("no_network", words, {"value": value}) from None


def _read_prefix(value: object) -> object:
    """Normalize a path prefix: a leading slash, no trailing one; empty for none."""
    if not isinstance(value, str):
        return value
    path = value.strip("/")
    if any(not part or not set(part) <= PLAIN or part.strip(".") == "" for part in path.split("/") if path):
        raise PydanticCustomError("no_prefix", "a path has letters, digits and - . _ ~ between its slashes")
    return f"/{path}" if path else ""


def _read_address(value: object) -> object:
    """Normalize a public address: no trailing slash; None if empty."""
    if not isinstance(value, str):
        return value
    try:
        parts = urlsplit(value)
        fits = parts.scheme in {"http", "https"} and parts.hostname and (parts.port is None or parts.port > 0)
    except ValueError:
        fits = False
    if not value:
        return None
    if not fits or parts.username or parts.query or parts.fragment or not set(parts.netloc) <= PLAIN | set(":[]"):
        raise PydanticCustomError("no_address", "is to be such as https://jobs.example.org/pq")
    return f"{parts.scheme}://{parts.netloc.lower()}{_read_prefix(parts.path)}"


PLAIN = set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~")
Prefix = Annotated[str, BeforeValidator(_read_prefix)]
PublicAddress = Annotated[str | None, BeforeValidator(_read_address)]


class Settings(BaseSettings):
    """All settings with defaults; the environment wins over ``.env``, then pyproject.toml."""

    model_config = Config(
        env_prefix="PQKIT_",
        env_file=ENV_FILE,
        pyproject_toml_table_header=PROJECT_TABLE,
        extra="ignore",
        allow_inf_nan=False,
    )

    url: str = Field("sqlite:///data/queue.db", description="address of the queue's database")
    durability: Literal["full", "normal"] = Field(
        "full", description="`full` survives power loss; `normal` is faster and may lose the last commits at power loss"
    )
    tasks: Annotated[list[str], NoDecode] = Field(
        [],
        description="modules that declare your tasks, comma-separated; workers import them from the working folder",
    )
    slots: int = Field(8, ge=1, le=10_000, description="maximum number of jobs that one worker runs at once")
    prefetch: bool = Field(
        True,
        description="workers claim short jobs ahead, in batches; `false`: a worker holds no more jobs than it runs",
    )
    heartbeat: float = Field(1.0, gt=0, description="seconds between a worker's heartbeats")
    rescue_after: float = Field(
        30.0, gt=0, description="seconds without a heartbeat after which a worker counts as dead"
    )
    rescue_every: float = Field(1.0, gt=0, description="seconds between checks for dead workers")
    grace: float = Field(15.0, ge=0, description="seconds that handlers get to end when their worker stops")
    workers: int = Field(4, ge=0, description="number of worker processes that `pqkit up` starts")
    max_workers: int = Field(
        32, ge=1, le=500, description="maximum number of worker processes for `pqkit workers scale`"
    )
    files: Path = Field(Path("data/files"), description="folder of the demo's files; its tasks touch no file outside")
    notebooks: Annotated[list[Path], NoDecode] = Field(
        [Path("notebooks")], description="folders whose notebooks may run as jobs, comma-separated"
    )
    runs: Path = Field(Path("runs"), description="folder of the runs of notebooks")
    keep_runs: Days = Field(
        30.0, description="days for which runs of jobs are kept; those by hand stay until `pqkit runs prune --by-hand`"
    )
    max_runs: int = Field(500, ge=1, description="maximum number of runs of jobs kept for each notebook, newest first")
    dashboards: Path | None = Field(None, description="folder of your own consoles; without it pqkit's own are served")
    supervisor: Path | None = Field(
        None, description="folder of your own `supervisord.conf`; without it `pqkit up` uses pqkit's own"
    )
    logs: Path = Field(Path("logs"), description="folder of the log files that `pqkit up` writes")
    keep_completed: Days = Field(7.0, description="days for which completed and canceled jobs are kept, or `forever`")
    keep_dead: Days = Field(90.0, description="days for which unprocessable and failed jobs are kept, or `forever`")
    backups: Path | None = Field(
        None, description="folder into which maintenance writes backups; without it, no backups are made by themselves"
    )
    backup_every: float = Field(24.0, gt=0, description="hours between those backups")
    backup_keep: int = Field(7, ge=1, description="number of those backups that are kept")
    archive: Path | None = Field(
        None,
        description="folder in which jobs are archived before they are pruned; without it they are only sealed",
    )
    encrypt: Literal["declared", "all"] = Field(
        "declared",
        description="tasks whose arguments and results are encrypted: those that say `encrypted=True`, or `all`",
    )
    key_file: Path | None = Field(
        None, description="file of keys, one per line, readable by its owner only; the first encrypts, all decrypt"
    )
    keys: Annotated[list[SecretStr], NoDecode] = Field(
        [],
        description="keys instead of a file, comma-separated; for platforms that inject secrets into the environment",
    )
    log_format: Literal["console", "json"] = Field("console", description="format of log lines")
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="minimum level that is logged")
    host: str = Field("127.0.0.1", description="address on which the consoles and the REST interface listen")
    manager_port: int = Field(8501, ge=1, le=65535, description="port of the manager console")
    ops_port: int = Field(8502, ge=1, le=65535, description="port of the ops console")
    api_port: int = Field(8503, ge=1, le=65535, description="port of the REST interface")
    public_url: PublicAddress = Field(
        None, description="address by which people reach the manager console through a proxy"
    )
    ops_public_url: PublicAddress = Field(
        None, description="the same for the ops console; without it that console refuses requests through a proxy"
    )
    prefix: Prefix = Field(
        "",
        description="path that a proxy strips, such as `/pq`; the path of a public address takes precedence",
    )
    proxies: Annotated[list[Annotated[Network, BeforeValidator(_read_network)]], NoDecode] = Field(
        [],
        description="addresses or networks of proxies, comma-separated, whose `X-Forwarded-For`, `X-Forwarded-Proto` "
        "and `Forwarded` are believed",
    )
    tls_certificate: Path | None = Field(
        None,
        description="certificate (PEM, with its chain) with which consoles and REST interface speak TLS themselves",
    )
    tls_key: Path | None = Field(None, description="key of that certificate, if it is not in the same file")
    plain_http: bool = Field(
        False, description="allow passwords and tokens over plain HTTP on addresses other than loopback"
    )
    ops_login: bool = Field(False, description="require a login, with any role, for the ops console")
    ops_open: bool = Field(False, description="allow the ops console without a login on addresses other than loopback")
    api_get_dequeue: bool = Field(False, description="allow `GET /dequeue` in the REST interface, which claims a job")
    traces: bool = Field(
        False,
        description="record enqueues and attempts as OpenTelemetry spans, which `OTEL_…` variables send on",
    )
    producer_every: float = Field(5.0, gt=0, description="seconds between the demo producer's files")

    @field_validator("tasks", "notebooks", "keys", "proxies", mode="before")
    @classmethod
    def split_names(cls, value: object) -> object:
        return [name.strip() for name in value.split(",") if name.strip()] if isinstance(value, str) else value

    @field_validator("rescue_after")
    @classmethod
    def check_beats(cls, value: float, info: ValidationInfo) -> float:
        if value < BEATS_PER_LEASE * info.data.get("heartbeat", 0.0):
            words = "must be at least {beats} heartbeats, or living workers count as dead"
            raise PydanticCustomError("too_few_beats", words, {"beats": BEATS_PER_LEASE})
        return value

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - the signature is pydantic's
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return init_settings, env_settings, dotenv_settings, PyprojectTomlConfigSettingsSource(settings_cls)


class SettingsError(PqkitError, ValueError):
    """An invalid setting; the message names it and its possible sources."""


@cache
def settings() -> Settings:
    """The settings of this process, read once."""
    return load()


def load() -> Settings:
    """Read the settings now.

    Raises SettingsError for an invalid setting, and for a file of secrets that other users can read.
    """
    try:
        _refuse_open_secrets(Path(ENV_FILE), _of_env)
        _refuse_open_secrets(Path(PROJECT_FILE), _of_project)
        return Settings()
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(step) for step in first["loc"])
        raise SettingsError(f"setting {name} (PQKIT_{name.upper()}): {first['msg']}") from None
    except SettingsError:
        raise
    except (OSError, ValueError) as error:
        raise SettingsError(f"settings: {PROJECT_FILE} or {ENV_FILE} cannot be read: {error}") from None


def _refuse_open_secrets(file: Path, read: Callable[[str], Mapping[str, object]]) -> None:
    """Refuse a file with secrets that others can read; ``read`` parses names and values."""
    if not file.exists() or file.is_dir():  # such as a virtual environment named .env
        return
    given = read(read_small(file))
    held = [name for name, value in given.items() if value and _is_secret(name, value)]
    if held and (problem := readers(file)) is not None:
        raise SettingsError(f"{file} holds secrets ({held[0]}), and others may use them: {problem}")


def _of_env(text: str) -> Mapping[str, object]:
    return dotenv_values(stream=StringIO(text), interpolate=False)


def _of_project(text: str) -> Mapping[str, object]:
    found: Any = tomllib.loads(text)
    for name in PROJECT_TABLE:
        found = found.get(name) if isinstance(found, dict) else None
    if found is not None and not isinstance(found, dict):
        raise ValueError(f"[{'.'.join(PROJECT_TABLE)}] is not a table")
    return found or {}


def _is_secret(name: str, value: object) -> bool:
    plain = unquote(str(value))
    return name.upper() in ALONE or is_secret(name) or redact(plain) != plain
