"""Django settings, all from INTERLOCK_* environment variables (docs/settings.md)."""

import logging
import os
import secrets
import sys
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit

import structlog

from interlock.web.assets import build_id

BASE_DIR = Path(__file__).resolve().parent.parent
DATA_DIR = Path(os.environ.get("INTERLOCK_DATA") or BASE_DIR / ".data").resolve()
DATA_DIR.mkdir(parents=True, exist_ok=True, mode=0o700)


def _secret_key() -> str:
    """The key that signs sessions: given, or made once in the data folder."""
    given = os.environ.get("INTERLOCK_SECRET_KEY")
    if given:
        return given
    path = DATA_DIR / "secret_key"
    try:
        # Two processes may start at once: the one that links its file first wins, both read it.
        draft = DATA_DIR / f".secret_key.{os.getpid()}"
        draft.write_text(secrets.token_urlsafe(48))
        draft.chmod(0o600)
        os.link(draft, path)
    except FileExistsError:
        pass
    finally:
        draft.unlink(missing_ok=True)
    return path.read_text()


def _databases(url: str) -> dict[str, dict[str, object]]:
    parts = urlsplit(url)
    if parts.scheme == "sqlite":
        path = unquote(parts.path)
        options = {
            "transaction_mode": "IMMEDIATE",
            "timeout": 20,
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
        }
        lite = {"ENGINE": "django.db.backends.sqlite3", "OPTIONS": options, "CONN_MAX_AGE": None}
        # Log chunks are many and dear: in a file of their own they never hold up the engine's writes.
        return {
            "default": {**lite, "NAME": path, "TEST": {"NAME": f"{path}.test"}},
            "logs": {**lite, "NAME": f"{path}.logs", "TEST": {"NAME": f"{path}.logs.test"}},
        }
    if parts.scheme in ("postgres", "postgresql"):
        given = dict(parse_qsl(parts.query))
        host, port = given.pop("host", ""), given.pop("port", "")  # a socket folder comes as ?host=
        # Server-side binding and prepared statements: a quarter less CPU for each statement of the engine.
        options = {**given, "prepare_threshold": 3, "server_side_binding": True}
        return {
            "default": {
                "ENGINE": "django.db.backends.postgresql",
                "NAME": unquote(parts.path.lstrip("/")),
                "USER": unquote(parts.username or ""),
                "PASSWORD": unquote(parts.password or ""),
                "HOST": unquote(parts.hostname or host),
                "PORT": parts.port or port,
                "OPTIONS": options,
                "CONN_MAX_AGE": None,
                "CONN_HEALTH_CHECKS": True,
            }
        }
    raise ValueError("INTERLOCK_DATABASE_URL must begin with sqlite:// or postgresql://")


SECRET_KEY = _secret_key()
DEBUG = False
ALLOWED_HOSTS = os.environ.get("INTERLOCK_ALLOWED_HOSTS", "localhost,127.0.0.1,[::1]").split(",")
PUBLIC_URL = os.environ.get("INTERLOCK_PUBLIC_URL", "http://127.0.0.1:8700")
CSRF_TRUSTED_ORIGINS = [PUBLIC_URL]

DATABASES = _databases(os.environ.get("INTERLOCK_DATABASE_URL") or f"sqlite://{DATA_DIR}/interlock.sqlite3")
DATABASE_ROUTERS = ["interlock.runs.routing.LogRouter"]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
BROKER_URL = os.environ.get("INTERLOCK_BROKER_URL", "")  # empty: embedded, the server is its own worker
STORE_URL = os.environ.get("INTERLOCK_STORE_URL") or f"file://{DATA_DIR}/store"
KEY_FILE = Path(os.environ.get("INTERLOCK_KEY_FILE") or DATA_DIR / "vault.key")
LEASE_SECONDS = float(os.environ.get("INTERLOCK_LEASE_SECONDS", "15"))
LOG_LIMIT = int(os.environ.get("INTERLOCK_LOG_LIMIT", str(10 * 1024 * 1024)))  # bytes per target
ALLOW_FILE_GIT = os.environ.get("INTERLOCK_ALLOW_FILE_GIT") == "1"  # for the demo: builds from local folders
PACKAGE_LIMIT = int(os.environ.get("INTERLOCK_PACKAGE_LIMIT", str(2 * 1024**3)))  # bytes of one package
SLICE_HOSTS = int(os.environ.get("INTERLOCK_SLICE_HOSTS", "50"))

INSTALLED_APPS = [
    "django.contrib.contenttypes",
    "django.contrib.auth",
    "django.contrib.sessions",
    "django.contrib.staticfiles",
    "django.forms",
    "interlock.journal",
    "interlock.accounts",
    "interlock.vault",
    "interlock.fleet",
    "interlock.runs",
    "interlock.catalog",
    "interlock.builds",
    "interlock.notify",
    "interlock.releases",
    "interlock.api",
    "interlock.web",
    "ninja",
    "django_htmx",
    "lucide",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "interlock.web.middleware.Files",
    "interlock.web.middleware.Compress",
    "interlock.web.middleware.content_policy",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
]
ROOT_URLCONF = "interlock.urls"
ASGI_APPLICATION = "interlock.asgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.template.context_processors.i18n",
                "interlock.web.around.around",
            ],
            "builtins": [
                "django.templatetags.i18n",
                "django.templatetags.static",
                "interlock.web.templatetags.pages",
            ],
        },
    }
]
FORM_RENDERER = "interlock.web.forms.PageRenderer"

AUTH_USER_MODEL = "accounts.Person"
PASSWORD_HASHERS = ["django.contrib.auth.hashers.Argon2PasswordHasher"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
SESSION_ENGINE = "interlock.accounts.sessions"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SECURE_CONTENT_TYPE_NOSNIFF = True
X_FRAME_OPTIONS = "DENY"

LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("zh-hans", "简体中文")]
LOCALE_PATHS = [BASE_DIR / "locale"]
USE_I18N = True
USE_TZ = True
TIME_ZONE = "UTC"

# The build is in the address: whatever is fetched may be kept for ever, and modules import their neighbours.
STATIC_URL = f"/static/{build_id()}/"
STATIC_ROOT = DATA_DIR / "static" / build_id()
STATIC_ROOT.mkdir(parents=True, exist_ok=True)  # WhiteNoise warns of a folder that is not there
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedStaticFilesStorage"},
}
WHITENOISE_USE_FINDERS = True
WHITENOISE_IMMUTABLE_FILE_TEST = lambda path, url: True  # noqa: E731
DATA_UPLOAD_MAX_MEMORY_SIZE = 12 * 1024 * 1024

# Everything to standard error: whoever runs the process decides where that goes.
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s %(message)s"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["console"], "level": "WARNING"},
    "loggers": {
        # Only what is broken: a refusal is an answer, not an incident.
        "django.request": {"handlers": ["console"], "level": "ERROR", "propagate": False},
        # Their lines hold whole addresses, tokens included; apprise speaks to its own sender only.
        **{name: {"level": "WARNING"} for name in ("httpx", "httpcore", "urllib3")},
        "apprise": {"handlers": [], "propagate": False},
        "asyncssh": {"handlers": ["console"], "level": "ERROR", "propagate": False},
    },
}

# Plain tracebacks: those with local variables would print what the variables hold, secrets included.
structlog.configure(
    processors=[
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        structlog.processors.LogfmtRenderer(),
    ],
    wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
    logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
)
