"""Settings of a portal. Everything that differs between installations comes from the environment (see .env.example)."""

import logging
import os
from pathlib import Path

from django.utils.csp import CSP
from redis.backoff import NoBackoff
from redis.retry import Retry

from partner_portal import env
from partner_portal.lib.private_folder import make_private
from partner_portal.lib.secret_file import secret_from_file
from partner_portal.logs import FORMATS

BASE_DIR = Path(__file__).resolve().parent.parent
PORTAL_VAR = Path(env.text("PORTAL_VAR") or BASE_DIR / "var").resolve()
make_private(PORTAL_VAR)
PORTAL_TODAY = env.text("PORTAL_TODAY")

DEBUG = env.flag("PORTAL_DEBUG", default=False)
SECRET_KEY = env.text("SECRET_KEY") or secret_from_file(PORTAL_VAR / "secret-key")
SECRET_KEY_FALLBACKS = env.comma_separated("SECRET_KEY_FALLBACKS")
ALLOWED_HOSTS = env.comma_separated("ALLOWED_HOSTS", "localhost,127.0.0.1,[::1]")
CSRF_TRUSTED_ORIGINS = env.comma_separated("CSRF_TRUSTED_ORIGINS")
SITE_URL = env.text("SITE_URL", "http://localhost:8000").rstrip("/")
HTTPS = SITE_URL.startswith("https://")

INSTALLED_APPS = [
    "partner_portal",
    "accounts",
    "program",
    "clients",
    "ledger",
    "tiers",
    "calculator",
    "commissions",
    "renewals",
    "portfolio",
    "imports",
    "sources",
    "reports",
    "dashboard",
    "notices",
    "api",
    "accounts.admin_site.OperatorsAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.humanize",
    "django.contrib.messages",
    "django.contrib.sessions",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "django_htmx",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.usersessions",
]

MIDDLEWARE = [
    "partner_portal.middleware.RequestIdMiddleware",
    "partner_portal.observability.TracingMiddleware",
    "partner_portal.metrics.MetricsMiddleware",
    "accounts.middleware.ProxyWarning",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "partner_portal.middleware.CompressionMiddleware",
    "django.middleware.csp.ContentSecurityPolicyMiddleware",
    "partner_portal.middleware.BrowserPolicyMiddleware",
    "partner_portal.health.HealthMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "partner_portal.middleware.UnusableRequestMiddleware",
    "partner_portal.middleware.ParallelRequestsMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "accounts.middleware.SignInRequiredMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "allauth.usersessions.middleware.UserSessionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "accounts.middleware.ScopeMiddleware",
    "partner_portal.bodies.BodyLimitMiddleware",  # knows who asks; what is before it reads no form
    "ledger.middleware.LedgerCatchUpMiddleware",
    "partner_portal.unchanged.UnchangedPageMiddleware",
]

ROOT_URLCONF = "partner_portal.urls"
WSGI_APPLICATION = "partner_portal.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "OPTIONS": {
            "loaders": [
                (
                    "django.template.loaders.cached.Loader",
                    ["partner_portal.template_loader.Loader", "django.template.loaders.app_directories.Loader"],
                )
            ],
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "accounts.context_processors.scope",
                "partner_portal.navigation.frame",
            ],
            "builtins": ["partner_portal.templatetags.figures", "partner_portal.templatetags.elements"],
        },
    },
]

# Without DATABASE_URL an embedded PostgreSQL keeps its files under PORTAL_VAR.
DATABASE_URL = env.text("DATABASE_URL")
PORTAL_EMBEDDED_DATABASE = not DATABASE_URL
DATABASES = {
    "default": {
        "NAME": "portal",
        **(env.database(DATABASE_URL) if DATABASE_URL else {}),
        "ENGINE": "partner_portal.postgres",
        "CONN_MAX_AGE": env.number("DATABASE_CONN_MAX_AGE", 60),
        "CONN_HEALTH_CHECKS": True,
    }
}
# A streaming replica that answers what only reads, while it is not further behind than these seconds (ADR 177).
DATABASE_REPLICA_URL = env.text("DATABASE_REPLICA_URL")
DATABASE_REPLICA_LAG_SECONDS = env.number("DATABASE_REPLICA_LAG_SECONDS", 10)
if DATABASE_REPLICA_URL:
    DATABASES["replica"] = DATABASES["default"] | env.database(
        DATABASE_REPLICA_URL, "DATABASE_REPLICA_URL", connect_timeout="2"
    )
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

REDIS_URL = env.text("REDIS_URL")
CACHE_REDIS_URL = env.text("CACHE_REDIS_URL") or REDIS_URL  # apart, the cache may evict what the queue must keep
# Seconds; one retry, since the server may have closed a connection that was idle.
_CACHE_OPTIONS = {"socket_connect_timeout": 1, "socket_timeout": 2, "retry": Retry(NoBackoff(), 1)}
_CACHE: dict[str, object]
if CACHE_REDIS_URL:
    _CACHE = {"LOCATION": CACHE_REDIS_URL, "OPTIONS": _CACHE_OPTIONS}
else:  # an embedded Valkey holds queue and cache, and keeps its files under PORTAL_VAR
    from partner_portal.local.valkey import CACHE_DATABASE, EmbeddedConnection

    _CACHE = {
        "LOCATION": f"unix:///?db={CACHE_DATABASE}",  # the connection knows the socket
        "OPTIONS": _CACHE_OPTIONS | {"connection_class": EmbeddedConnection},
    }
CACHES = {"default": {"BACKEND": "partner_portal.cache.OutageTolerantCache", **_CACHE}}

AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["accounts.backends.ConfirmedAddressBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"accounts.password_validators.{name}"}
    for name in ("UserAttributeSimilarityValidator", "MinimumLengthValidator", "CommonPasswordValidator")
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "/"
ACCOUNT_ADAPTER = "accounts.adapter.AccountAdapter"
ACCOUNT_FORMS = {
    "login": "accounts.forms.SignInForm",
    "change_password": "accounts.forms.NewPasswordForm",
    "add_email": "accounts.forms.NewAddressForm",
    "reset_password": "accounts.forms.ResetRequestForm",
}
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_EMAIL_NOTIFICATIONS = True
ACCOUNT_EMAIL_SUBJECT_PREFIX = "[Partner Portal] "
ACCOUNT_PREVENT_ENUMERATION = True
ACCOUNT_EMAIL_UNKNOWN_ACCOUNTS = False
ACCOUNT_RATE_LIMITS = {
    # Counted by accounts.sign_in_limits, so that a stranger uses up nobody else's tries.
    "login": None,
    "reset_password": None,
    "reset_password_from_key": None,  # a key cannot be guessed
    "login_failed": "5/5m/key",  # codes of the second factor, by person
    "confirm_email": "5/10m/user",  # by whoever changes their address: nobody uses up the mails to somebody else's
}
# Should a provider be added one day: an address that it reports opens no account that exists (accounts.E002).
SOCIALACCOUNT_EMAIL_AUTHENTICATION = False
SOCIALACCOUNT_EMAIL_AUTHENTICATION_AUTO_CONNECT = False
ACCOUNT_REAUTHENTICATION_REQUIRED = True
ACCOUNT_SESSION_REMEMBER = None
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_CHANGE_EMAIL = True
ACCOUNT_LOGOUT_ON_PASSWORD_CHANGE = True
MFA_SUPPORTED_TYPES = ["totp", "recovery_codes"]
MFA_TOTP_ISSUER = "Partner Portal"

SESSION_COOKIE_AGE = env.number("SESSION_HOURS", 12) * 3600
SESSION_SAVE_EVERY_REQUEST = False
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = HTTPS
SESSION_COOKIE_HTTPONLY = True
SECURE_SSL_REDIRECT = HTTPS and env.flag("SECURE_SSL_REDIRECT", default=True)
SECURE_REDIRECT_EXEMPT = [r"^health/"]  # asked from inside, without the proxy
SECURE_HSTS_SECONDS = 31_536_000 if HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = HTTPS
SECURE_HSTS_PRELOAD = HTTPS and env.flag("SECURE_HSTS_PRELOAD", default=False)
SECURE_REFERRER_POLICY = "same-origin"
BEHIND_PROXY = env.flag("BEHIND_PROXY", default=False)
if BEHIND_PROXY:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    ALLAUTH_TRUSTED_PROXY_COUNT = 1  # rate limits and the audit log count the visitor, not the proxy
X_FRAME_OPTIONS = "DENY"
# The two hashes are the (empty, then fixed) style element that plotly.js writes; a browser test guards them.
SECURE_CSP = {
    "default-src": [CSP.SELF],
    "script-src": [CSP.SELF],
    "style-src": [
        CSP.SELF,
        "'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='",
        "'sha256-ji27qzEtxXZW+7dun6UwjHXJ18e6WAin1VvNtkzIE/o='",
    ],
    "img-src": [CSP.SELF, "data:"],
    "object-src": [CSP.NONE],
    "base-uri": [CSP.NONE],
    "form-action": [CSP.SELF],
    "frame-ancestors": [CSP.NONE],
}

LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("nl", "Nederlands")]
LOCALE_PATHS = [BASE_DIR / "locale"]
FORMAT_MODULE_PATH = ["partner_portal.formats"]
TIME_ZONE = "UTC"
USE_TZ = True
USE_I18N = True

STATIC_URL = "static/"
STATIC_ROOT = Path(env.text("STATIC_ROOT") or PORTAL_VAR / "static")
STATICFILES_DIRS = [BASE_DIR / "static"]
STORAGES = {
    "default": env.file_storage(PORTAL_VAR / "files"),
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if DEBUG
        else "whitenoise.storage.CompressedManifestStaticFilesStorage"
    },
}
WHITENOISE_KEEP_ONLY_HASHED_FILES = True  # pages name no other; half the files to compress
WHITENOISE_USE_FINDERS = DEBUG

# What a request may send; only the upload of an import may send more, up to IMPORT_MAX_MEGABYTES.
REQUEST_MAX_BYTES = env.number("REQUEST_MAX_MEGABYTES", 5) * 1024 * 1024
FILE_UPLOAD_HANDLERS = ["partner_portal.bodies.DropFiles"]
DATA_UPLOAD_MAX_MEMORY_SIZE = REQUEST_MAX_BYTES
DATA_UPLOAD_MAX_NUMBER_FIELDS = 20_000
DATA_UPLOAD_MAX_NUMBER_FILES = 1000
# Files: how many rows are written at once, without a worker; how long a file is stored; one person's share of the workers;
# from how many rows on an export is marked in the audit log.
EXPORT_ROWS_AT_ONCE = env.number("EXPORT_ROWS_AT_ONCE", 5_000)
EXPORT_KEEP_DAYS = env.number("EXPORT_KEEP_DAYS", 7)
EXPORT_AT_ONCE = env.number("EXPORT_AT_ONCE", 3)
EXPORT_AN_HOUR = env.number("EXPORT_AN_HOUR", 60)
EXPORT_NOTABLE_ROWS = env.number("EXPORT_NOTABLE_ROWS", 50_000)
AUDIT_KEEP_DAYS = env.number("AUDIT_KEEP_DAYS", 0)  # `forget_audit` deletes older events; 0 keeps them for ever
API_PREFIX = "/api/"
REQUESTS_AT_ONCE = env.number("REQUESTS_AT_ONCE", 4)  # of one person, in all processes; 0: no limit
API_REQUESTS_A_MINUTE = env.number("API_REQUESTS_A_MINUTE", 120)  # of one token, or of one person who is signed in
IMPORT_MAX_BYTES = env.number("IMPORT_MAX_MEGABYTES", 256) * 1024 * 1024
IMPORT_UNPACKED_BYTES = env.number("IMPORT_UNPACKED_MEGABYTES", 200) * 1024 * 1024  # of a workbook, all of its parts
IMPORT_WORKBOOK_SECONDS = env.number("IMPORT_WORKBOOK_SECONDS", 120)  # of processor time to read one
IMPORT_INLINE_BYTES = env.number("IMPORT_INLINE_KILOBYTES", 400) * 1024  # more than that goes to a worker
# Live connections: keys that encrypt tokens, newest first (none: a file under PORTAL_VAR); where watched folders may lie.
CREDENTIALS_KEYS = env.comma_separated("CREDENTIALS_KEYS")
WATCHED_FOLDERS = env.text("WATCHED_FOLDERS")
HUBSPOT_CLIENT_ID, HUBSPOT_CLIENT_SECRET = env.text("HUBSPOT_CLIENT_ID"), env.text("HUBSPOT_CLIENT_SECRET")
HUBSPOT_API_BASE = (env.text("HUBSPOT_API_BASE") or "https://api.hubapi.com").rstrip("/")
WEBHOOKS_TO_PRIVATE_ADDRESSES = env.flag("WEBHOOKS_TO_PRIVATE_ADDRESSES", default=False)
IMPORT_FILE_DAYS = env.number(
    "IMPORT_FILE_DAYS", 30
)  # uploaded files are stored so long, undecided batches wait so long

# Whether this is the demo, whose partners can be reset from their settings.
DEMO = env.flag("PORTAL_DEMO", default=False)
RESET_DEMO_FILE = PORTAL_VAR / "reset-demo"

# Without EMAIL_HOST mails are written as files, so that the links in them can be followed while trying the portal out.
EMAIL_HOST_NAME = env.text("EMAIL_HOST")
MAILERS = {
    "default": {
        "BACKEND": "partner_portal.smtp.CountingBackend",
        "OPTIONS": {
            "host": EMAIL_HOST_NAME,
            "port": env.number("EMAIL_PORT", 587),
            "username": env.text("EMAIL_USER"),
            "password": env.text("EMAIL_PASSWORD"),
            "use_tls": env.flag("EMAIL_STARTTLS", default=True),
            "timeout": 10,
        },
    }
    if EMAIL_HOST_NAME
    else {
        "BACKEND": "django.core.mail.backends.filebased.EmailBackend",
        "OPTIONS": {"file_path": PORTAL_VAR / "mail"},
    }
}
DEFAULT_FROM_EMAIL = env.text("DEFAULT_FROM_EMAIL", "portal@localhost")
SERVER_EMAIL = DEFAULT_FROM_EMAIL
# Whom admins of partners write to about the portal itself; pages name nobody without it.
OPERATOR_EMAIL = env.text("OPERATOR_EMAIL")

SILENCED_SYSTEM_CHECKS: list[str] = []
if not HTTPS:
    SILENCED_SYSTEM_CHECKS += ["security.W004", "security.W008", "security.W012", "security.W016"]

METRICS_TOKEN = env.text("METRICS_TOKEN")  # unset: no /metrics
SENTRY_DSN = env.text("SENTRY_DSN")  # unset: errors go to the log alone
SENTRY_ENVIRONMENT = env.text("SENTRY_ENVIRONMENT", "production")
OTLP_ENDPOINT = env.text("OTLP_ENDPOINT")  # unset: nothing is traced
OTLP_HEADERS = env.text("OTLP_HEADERS")
LOG_FORMAT = env.choice("LOG_FORMAT", *FORMATS)
LOG_REQUESTS = env.flag("LOG_REQUESTS", default=False)
if LOG_FORMAT == "json":
    logging.captureWarnings(True)  # or Python writes them as text
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "line": {
            "()": "partner_portal.logs.MaskingFormatter",
            "format": "{asctime} {levelname} {name} [{request_label}] {message}",
            "style": "{",
        },
        "json": {"()": "partner_portal.logs.JsonFormatter"},
    },
    "filters": {"refusals": {"()": "partner_portal.logs.RefusalFilter"}},
    "handlers": {
        "console": {"class": "logging.StreamHandler", "formatter": "json" if LOG_FORMAT == "json" else "line"}
    },
    "root": {"handlers": ["console"], "level": env.text("LOG_LEVEL", "INFO")},
    "loggers": {
        "django": {"level": "INFO"},
        "django.request": {"filters": ["refusals"]},
        "django.server": {"level": "WARNING"},
    },
}

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # pandas needs no thread pool of its own in a web worker
