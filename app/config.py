"""All settings, read from the environment (prefix `DOCENT_`, sections parted by `__`) and from `.env`."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal, Self

from dotenv import dotenv_values
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, ValidationError, model_validator
from pydantic.fields import FieldInfo
from pydantic_settings import (
    BaseSettings,
    NestedSecretsSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
)

from app.errors import ConfigurationError

_PERIODS = {"second": 1, "minute": 60, "hour": 3600, "day": 86_400}
_RATE = re.compile(r"([1-9]\d{0,8})/(second|minute|hour|day)")


@dataclass(frozen=True, slots=True)
class Rate:
    """So many in so many seconds."""

    count: int
    seconds: int


def parse_rates(text: str) -> tuple[Rate, ...]:
    """The rates of a text as `10/minute 200/day`. Raises ValueError."""
    found = [_RATE.fullmatch(part) for part in text.replace(",", " ").split()]
    if not found or None in found:
        raise ValueError("a limit is written as in 10/minute 200/day (second, minute, hour, day)")
    return tuple(Rate(int(one[1]), _PERIODS[one[2]]) for one in found if one)


def _rates(text: str) -> str:
    parse_rates(text)
    return text


Rates = Annotated[str, AfterValidator(_rates)]


class _SettingsSection(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ServerSettings(_SettingsSection):
    host: str = Field("127.0.0.1", description="Address the service listens on. Others than loopback need HOSTS.")
    port: int = Field(8000, ge=0, le=65535, description="Port the service listens on; 0 takes a free one.")
    hosts: str = Field(
        "",
        description="Names the service is reached by besides localhost, with spaces between. `*`: whatever the name.",
    )
    trusted_proxies: str = Field(
        "",
        description="Addresses or networks of proxies whose X-Forwarded-For and -Proto are believed, with commas.",
    )
    public_url: str = Field(
        "",
        pattern=r"^(https?://[^\s/]+)?$",
        description="Address visitors reach the service by, for links to the handbook. Empty: that of the request.",
    )
    start_page: bool = Field(True, description="Whether `/` shows the handbook with the chat. Off: no public page.")
    public_metrics: bool = Field(
        False, description="Whether /metrics is open to everybody. Off: an admin key reads it."
    )
    max_body_bytes: int = Field(64_000, gt=0, description="Larger request bodies are refused with 413.")
    max_concurrent_answers: int = Field(
        4, gt=0, description="Answers worked on at the same time. Further questions wait."
    )
    max_waiting_answers: int = Field(
        32, ge=0, description="Questions that may wait. One more is refused with 429 and Retry-After."
    )
    resume_seconds: int = Field(
        30, ge=0, description="How long an answer is worked on that nobody reads any more, for the reader to come back."
    )
    shutdown_seconds: int = Field(30, ge=0, description="How long a stopping service lets running streams finish.")


class AuthSettings(_SettingsSection):
    secret: SecretStr | None = Field(
        None,
        min_length=32,
        description="Signs visitors' sessions, 32 characters or more. Empty: one in the data folder.",
    )
    session_minutes: int = Field(60, gt=0, description="How long a visitor's session lasts before it is renewed.")
    session_renewal_days: int = Field(7, gt=0, description="For how long an expired session can be renewed.")


class LimitSettings(_SettingsSection):
    questions_per_session: Rates = Field("10/minute 200/day", description="Questions of one visitor.")
    questions_per_address: Rates = Field(
        "60/minute", description="Questions of all visitors with one address (IPv6: one /64)."
    )
    questions_per_key: Rates = Field("120/minute", description="Questions with one API key.")
    sessions_per_address: Rates = Field("60/hour", description="New sessions for one address.")
    requests_per_address: Rates = Field("600/minute", description="Requests to the API from one address, all told.")


class DatabaseSettings(_SettingsSection):
    url: str = Field("", description="SQLAlchemy URL with an async driver. Empty: SQLite in the data folder.")


class IndexSettings(_SettingsSection):
    chunk_tokens: int = Field(300, ge=50, le=2000, description="Tokens of a chunk, at most.")
    chunk_overlap: int = Field(30, ge=0, le=500, description="Tokens that two parts of a split section share.")
    max_file_bytes: int = Field(5_000_000, gt=0, description="Larger files are skipped and reported.")
    base_url: str = Field(
        "",
        pattern=r"^(https?://[^\s/].*)?$",
        description="URL of the docs' root, for links in citations. Empty: relative links.",
    )
    site_generator: Literal["auto", "docusaurus", "mkdocs"] = Field(
        "auto",
        description="Whose URLs and anchors links follow; auto: MkDocs beside a mkdocs.yml, else Docusaurus.",
    )
    qdrant_url: str = Field("", description="URL of a Qdrant server. Empty: Qdrant Edge in process.")
    qdrant_api_key: SecretStr = Field(SecretStr(""), description="API key of the Qdrant server.")
    keep_revisions: int = Field(3, ge=1, description="Revisions kept on disk, the serving one included.")
    max_deleted_share: float = Field(
        0.5, ge=0, le=1, description="Share of a source's documents that a run may delete without being told to."
    )
    min_free_bytes: int = Field(
        200_000_000, ge=0, description="An index run ends when the disk of the data folder has less space left."
    )

    @model_validator(mode="after")
    def _overlap_fits(self) -> Self:
        if self.chunk_overlap >= self.chunk_tokens:
            raise ValueError(f"CHUNK_OVERLAP {self.chunk_overlap} has to be less than CHUNK_TOKENS {self.chunk_tokens}")
        return self


class FetchSettings(_SettingsSection):
    user_agent: str = Field(
        "Docent",
        pattern=r"^[\x21-\x7e][\x20-\x7e]*$",
        description="Name given to websites, and looked for in robots.txt.",
    )
    requests_per_second: float = Field(2.0, gt=0, le=1000, description="Requests a second to one website, at most.")
    timeout_seconds: float = Field(20.0, gt=0, description="Longest wait for one page of a website, all told.")
    max_pages: int = Field(5000, gt=0, description="Pages asked of one website, at most.")
    max_page_bytes: int = Field(5_000_000, gt=0, description="Larger pages are left out (bytes after decompression).")
    max_total_bytes: int = Field(500_000_000, gt=0, description="Bytes of all pages of one website, at most.")
    max_redirects: int = Field(5, ge=0, description="Redirects followed for one page, at most.")
    git_timeout_seconds: float = Field(600.0, gt=0, description="Longest time for fetching one git repository.")


class EmbeddingSettings(_SettingsSection):
    model: str = Field(
        "sentence-transformers/all-MiniLM-L6-v2",
        description="Embedding model by its fastembed name. The default comes as a package and needs no hub.",
    )
    path: Path | None = Field(None, description="Folder with the model's files, for machines without a hub.")
    threads: int = Field(2, gt=0, description="Threads of the embedding model.")


class RetrievalSettings(_SettingsSection):
    candidates: int = Field(20, gt=0, le=200, description="Chunks kept after fusion, for the reranker and the prompt.")
    rrf_k: int = Field(2, gt=0, description="Constant k of reciprocal rank fusion: score = sum of 1/(k + rank).")
    dense_weight: float = Field(1.0, ge=0, description="Weight of the dense ranking in the fusion.")
    sparse_weight: float = Field(0.8, ge=0, description="Weight of the BM25 ranking in the fusion.")
    page_decay: float = Field(
        0.5, gt=0, le=1, description="Factor on a chunk's fused score for every better chunk of the same page."
    )
    reranker_model: str = Field("", description="Cross-encoder by its fastembed name. Empty: no reranking.")
    reranker_path: Path | None = Field(None, description="Folder with the reranker's files.")


class AnsweringSettings(_SettingsSection):
    temperature: float = Field(0.0, ge=0, le=2, description="Sampling temperature of an answer.")
    max_tokens: int = Field(256, gt=0, description="Tokens of a generated answer, at most.")
    context_tokens: int = Field(900, gt=0, description="Tokens of passages in the prompt, at most.")
    max_passages: int = Field(3, gt=0, le=20, description="Passages in the prompt, at most.")
    history_messages: int = Field(6, ge=0, description="Earlier messages used to understand a follow-up.")
    question_chars: int = Field(4000, gt=0, description="Longer questions are refused with 422.")
    answerable_threshold: float = Field(
        0.35, ge=0, le=1, description="Below this retrieval evidence a question is not answered."
    )
    off_topic_threshold: float = Field(
        0.10, ge=0, le=1, description="Below this retrieval evidence a question counts as off topic."
    )
    support_threshold: float = Field(
        0.6, ge=0, le=1, description="Support a sentence needs from its quote, or it is dropped."
    )
    reply_threshold: float = Field(0.5, ge=0, le=1, description="Confidence an answer needs to be sent as a reply.")


class LLMSettings(_SettingsSection):
    base_url: str = Field("", description="OpenAI-compatible endpoint with /v1. Empty: the embedded engine.")
    api_key: SecretStr = Field(SecretStr(""), description="API key of that endpoint.")
    model: str = Field("", description="Model name sent to the endpoint. Empty: the first that /v1/models lists.")
    timeout_seconds: float = Field(120.0, gt=0, description="Longest wait for the next piece of an answer.")


class EngineSettings(_SettingsSection):
    model: Path | None = Field(None, description="GGUF file of the embedded engine. Empty: the packaged SmolLM2-135M.")
    threads: int = Field(2, gt=0, description="Threads of the embedded engine.")
    context_tokens: int = Field(4096, ge=256, description="Prompt and answer together, in tokens, at most.")
    max_running: int = Field(8, gt=0, description="Requests the engine works on at the same time.")
    max_queue: int = Field(64, ge=0, description="Requests that may wait. One more gets 429 and Retry-After.")
    start_seconds: float = Field(60.0, gt=0, description="Longest wait for the engine's start.")


class TicketSettings(_SettingsSection):
    max_body_bytes: int = Field(1_000_000, gt=0, description="Larger tickets are refused with 413.")
    tickets_per_key: Rates = Field("600/minute", description="Requests about tickets with one API key.")
    idempotency_hours: int = Field(48, ge=24, description="How long an Idempotency-Key is remembered.")
    wait_seconds: int = Field(60, ge=0, description="Longest wait that `Prefer: wait=N` gets.")
    callback_hosts: str = Field(
        "",
        description="Hosts and networks inside that callbacks may reach, as in helpdesk.internal 10.2.0.0/16.",
    )
    secret_overlap_hours: int = Field(
        24, ge=0, description="How long callbacks are signed with the old secret, too, after a new one was made."
    )


class JobSettings(_SettingsSection):
    tickets: int = Field(2, gt=0, description="Tickets that are answered at the same time.")
    callbacks: int = Field(8, gt=0, description="Callbacks that are delivered at the same time.")
    max_runs: int = Field(20, gt=0, description="Tries of a job that fails for passing reasons, before it failed.")
    max_starts: int = Field(
        20, gt=0, description="Times that a job may be begun, crashes of the service included, before it failed."
    )
    stall_seconds: float = Field(
        60.0, ge=10, description="A job without a sign of life for so long is taken from its process and begun anew."
    )
    sweep_seconds: float = Field(1.0, gt=0, description="How often the database is looked through for due jobs.")
    patience_seconds: float = Field(
        1.0, ge=0, description="How long a ticket lets chats go first, and indexing lets both, at most."
    )
    sync_hours: float = Field(0.0, ge=0, description="Hours from one sync of all sources to the next. 0: none.")
    keep_days: int = Field(30, gt=0, description="How long finished jobs are listed.")


class GitHubSettings(_SettingsSection):
    webhook_secret: SecretStr = Field(SecretStr(""), description="Secret of the webhook. Empty: hooks are refused.")
    token: SecretStr = Field(SecretStr(""), description="Fine-grained token that writes comments. Empty: none are.")
    api_url: str = Field(
        "https://api.github.com",
        pattern=r"^https?://[^\s?#]+[^\s?#/]$",
        description="Root of the REST API; of an Enterprise Server it ends in /api/v3.",
    )
    mode: Literal["draft", "auto"] = Field("draft", description="`auto`: an answer that may be sent is commented.")
    bot_login: str = Field("", description="Login of the token's account, whose own doings are ignored.")
    draft_label: str = Field("", max_length=50, description="Label for issues with a draft. Empty: none.")
    escalated_label: str = Field("", max_length=50, description="Label for issues left to a person. Empty: none.")


class ZendeskSettings(_SettingsSection):
    webhook_secret: SecretStr = Field(SecretStr(""), description="Signing secret. Empty: hooks are refused.")
    subdomain_url: str = Field(
        "", pattern=r"^(https?://[^\s/?#]+)?$", description="Address of the account, https://NAME.zendesk.com."
    )
    email: str = Field("", description="E-mail address of the agent Docent writes as.")
    api_token: SecretStr = Field(SecretStr(""), description="API token. Empty: nothing is written.")
    mode: Literal["draft", "auto"] = Field("draft", description="`auto`: an answer that may be sent is a public reply.")


class DiscourseSettings(_SettingsSection):
    url: str = Field("", pattern=r"^(https?://[^\s/].*)?$", description="Address of the forum. Empty: no Discourse.")
    webhook_secret: SecretStr = Field(SecretStr(""), description="Secret of the webhook, as entered in Discourse.")
    api_key: SecretStr = Field(SecretStr(""), description="API key that replies are posted with.")
    api_username: str = Field("system", min_length=1, description="User that replies are posted as.")
    mode: Literal["draft", "auto"] = Field("draft", description="`auto`: a `reply` is posted in its topic.")
    categories: str = Field(
        "", pattern=r"^[\d,\s]*$", description="Ids of the categories that are answered, with commas. Empty: all."
    )
    team_group: str = Field(
        "", pattern=r"^[\w.-]*$", description="Group that gets drafts and escalations as messages. Empty: nobody."
    )


class EmailSettings(_SettingsSection):
    imap_host: str = Field("", description="IMAP server that mail is fetched from. Empty: no e-mail.")
    imap_port: int = Field(993, ge=1, le=65535, description="Port of the IMAP server.")
    imap_security: Literal["tls", "starttls", "none"] = Field(
        "tls", description="How the connection to the IMAP server is encrypted. `none`: on this machine only."
    )
    imap_user: str = Field("", description="User name at the IMAP server.")
    imap_password: SecretStr = Field(SecretStr(""), description="Password at the IMAP server.")
    imap_folder: str = Field("INBOX", min_length=1, description="Folder whose unread mails become tickets.")
    smtp_host: str = Field("", description="SMTP server that mail is sent through.")
    smtp_port: int = Field(587, ge=1, le=65535, description="Port of the SMTP server.")
    smtp_security: Literal["tls", "starttls", "none"] = Field(
        "starttls", description="How the connection to the SMTP server is encrypted. `none`: on this machine only."
    )
    smtp_user: str = Field("", description="User name at the SMTP server. Empty: no login.")
    smtp_password: SecretStr = Field(SecretStr(""), description="Password at the SMTP server.")
    from_address: str = Field("", description="Address that customers write to, and that replies come from.")
    team_address: str = Field("", description="Address that gets drafts and escalations. Empty: nobody.")
    poll_seconds: int = Field(30, ge=5, description="Pause between two looks into the mailbox.")
    mode: Literal["draft", "auto"] = Field("draft", description="`auto`: a `reply` is mailed to who asked.")


class LogSettings(_SettingsSection):
    level: Literal["debug", "info", "warning", "error"] = Field("info", description="Least severe level logged.")
    format: Literal["json", "text"] = Field("text", description="`json` for machines, `text` for people.")


class Settings(BaseSettings):
    """Every setting of the service. `docs/reference/settings.md` lists them, and a test holds the two together."""

    model_config = SettingsConfigDict(
        env_prefix="DOCENT_",
        env_nested_delimiter="__",
        env_file=".env",
        env_ignore_empty=True,
        extra="ignore",  # .env may hold other programs' names; unknown DOCENT_ names are refused by load_settings
        frozen=True,
    )

    data_dir: Path = Field(Path(".docent"), description="Folder of all state: database, index, models, locks.")
    secrets_dir: Path | None = Field(
        None, description="Folder with secrets, each in a file named as its setting. Empty: none is read from files."
    )
    server: ServerSettings = ServerSettings()
    auth: AuthSettings = AuthSettings()
    limits: LimitSettings = LimitSettings()
    database: DatabaseSettings = DatabaseSettings()
    index: IndexSettings = IndexSettings()
    fetching: FetchSettings = FetchSettings()
    embedding: EmbeddingSettings = EmbeddingSettings()
    retrieval: RetrievalSettings = RetrievalSettings()
    answering: AnsweringSettings = AnsweringSettings()
    llm: LLMSettings = LLMSettings()
    engine: EngineSettings = EngineSettings()
    tickets: TicketSettings = TicketSettings()
    jobs: JobSettings = JobSettings()
    github: GitHubSettings = GitHubSettings()
    zendesk: ZendeskSettings = ZendeskSettings()
    discourse: DiscourseSettings = DiscourseSettings()
    email: EmailSettings = EmailSettings()
    log: LogSettings = LogSettings()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003  (the signature is pydantic's)
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Files of DOCENT_SECRETS_DIR, as container engines mount secrets, give way to the environment and `.env`."""
        files = NestedSecretsSettingsSource(file_secret_settings, _secrets_dir(), secrets_dir_missing="error")
        return init_settings, env_settings, dotenv_settings, files

    @cached_property
    def database_url(self) -> str:
        return self.database.url or f"sqlite+aiosqlite:///{self.data_dir.resolve() / 'docent.db'}"


def _secrets_dir() -> str | None:
    return os.environ.get("DOCENT_SECRETS_DIR") or dotenv_values(".env").get("DOCENT_SECRETS_DIR") or None


def load_settings() -> Settings:
    """Read the settings; a wrong or unknown one is a ConfigurationError that names it."""
    try:
        settings = Settings()
    except ValidationError as error:
        first = error.errors()[0]
        name = "DOCENT_" + "__".join(str(part) for part in first["loc"]).upper()
        raise ConfigurationError(f"{name}: {first['msg']} (docs/reference/settings.md lists every setting)") from error
    except SettingsError as error:
        raise ConfigurationError(f"{error} (docs/reference/settings.md lists every setting)") from error
    except OSError as error:
        raise ConfigurationError(f"DOCENT_SECRETS_DIR: {error.filename} cannot be read ({error.strerror})") from error
    known = set(setting_names())
    files = [path.name for path in settings.secrets_dir.iterdir()] if settings.secrets_dir else []
    for name in sorted({*os.environ, *dotenv_values(".env"), *files}):
        if name.upper().startswith("DOCENT_") and name.upper() not in known:
            raise ConfigurationError(f"{name} is not a setting (docs/reference/settings.md lists every setting)")
    return settings


def make_data_dir(data_dir: Path) -> None:
    """Make the folder of all state. Raises ConfigurationError when it cannot be."""
    try:
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)  # it holds what users asked
    except OSError as error:
        raise ConfigurationError(
            f"DOCENT_DATA_DIR: the folder {data_dir} cannot be made ({error.strerror}): name one that can"
        ) from error


def setting_names() -> dict[str, FieldInfo]:
    """Every environment variable by name, with its pydantic field."""
    names: dict[str, FieldInfo] = {}
    for name, field in Settings.model_fields.items():
        section = field.annotation
        if isinstance(section, type) and issubclass(section, BaseModel):
            for inner_name, inner in section.model_fields.items():
                names[f"DOCENT_{name}__{inner_name}".upper()] = inner
        else:
            names[f"DOCENT_{name}".upper()] = field
    return names
