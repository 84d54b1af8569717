"""Synapse from PyPI in the image: the reference that shows whether the harness itself works."""

import json
import subprocess
import sys
from pathlib import Path

from conformance.complement.container import postgres
from conformance.complement.container.certificate import AUTHORITY

DATA = Path("/data/synapse")
CONFIG = DATA / "homeserver.yaml"
NO_LIMIT = {"per_second": 1_000_000, "burst_count": 1_000_000}
MSCS = [2836, 3391, 3757, 3874, 3881, 3890, 3930, 3967, 4140, 4155, 4222, 4306]
MIGRATE: list[str] | None = None  # the schema is made by the first start


def configure(server_name: str, certificate: Path, key: Path) -> list[str]:
    """Write the configuration for this start; returns the command that serves."""
    DATA.mkdir(parents=True, exist_ok=True)
    config = {
        "server_name": server_name,
        "signing_key_path": str(DATA / "signing.key"),
        "media_store_path": str(DATA / "media"),
        "pid_file": str(DATA / "pid"),
        "database": {
            "name": "psycopg2",
            "args": {
                "user": "homeserver",
                "dbname": "homeserver",
                "host": str(postgres.SOCKETS),
                "cp_max": 5,
            },
        },
        "listeners": [
            {"port": 8008, "type": "http", "resources": [{"names": ["client"]}]},
            {"port": 8448, "type": "http", "tls": True, "resources": [{"names": ["client", "federation"]}]},
        ],
        "tls_certificate_path": str(certificate),
        "tls_private_key_path": str(key),
        **_openness(),
        **_features(),
    }
    CONFIG.write_text(json.dumps(config))
    program = [sys.executable, "-m", "synapse.app.homeserver", "-c", str(CONFIG)]
    if not (DATA / "signing.key").exists():
        subprocess.run([*program, "--generate-keys"], check=True)
    return program


def _openness() -> dict[str, object]:
    rates = ["message", "registration", "joins_per_room", "invites", "third_party_invite", "admin_redaction",
             "registration_token_validity", "key_requests", "presence", "delayed_event_mgmt", "room_creation",
             "reports", "media_create", "3pid_validation"]  # fmt: skip
    nested = {"login": ["address", "account", "failed_attempts"], "joins": ["local", "remote"]}
    return {
        "report_stats": False,
        "trusted_key_servers": [],
        "registration_shared_secret": "complement",
        "enable_registration": True,
        "enable_registration_without_verification": True,
        "bcrypt_rounds": 4,
        **({"federation_custom_ca_list": [str(AUTHORITY)]} if AUTHORITY.exists() else {}),
        "ip_range_blacklist": [],
        "federation_ip_range_blacklist": [],
        "room_list_publication_rules": [{"action": "allow"}],
        "allow_public_rooms_without_auth": True,
        "allow_public_rooms_over_federation": True,
        "allow_device_name_lookup_over_federation": True,
        "federation": {"min_retry_interval": "1s", "max_short_retry_delay": "1s"},
        **{f"rc_{name}": NO_LIMIT for name in rates},
        **{f"rc_{name}": dict.fromkeys(parts, NO_LIMIT) for name, parts in nested.items()},
        "rc_invites": dict.fromkeys(["per_room", "per_user", "per_issuer"], NO_LIMIT),
        "rc_federation": {"window_size": 1000, "sleep_limit": 100_000, "sleep_delay": 1,
                          "reject_limit": 100_000, "concurrent": 1000},
    }  # fmt: skip


def _features() -> dict[str, object]:
    appservices = sorted(str(path) for path in Path("/complement/appservice").glob("*.yaml"))
    return {
        "default_room_version": "10",
        "app_service_config_files": appservices,
        "url_preview_enabled": True,
        "url_preview_ip_range_blacklist": [],
        "max_event_delay_duration": "24h",
        "server_notices": {"system_mxid_localpart": "_server", "system_mxid_display_name": "Server Alert"},
        "caches": {"sync_response_cache_duration": 0},
        "experimental_features": {"faster_joins": True} | {f"msc{number}_enabled": True for number in MSCS},
    }
