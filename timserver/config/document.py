"""What is generated from the settings for people and editors: an example file and a JSON Schema, in `config/`."""

import json
from collections.abc import Iterator
from enum import Enum
from pathlib import Path
from typing import Any

from pydantic import BaseModel, SecretStr

from timserver.config.load import annotation_parts, section_of
from timserver.config.settings import Settings

_HEAD = """\
#:schema ./timserver.schema.json
# Every setting of timserver with its default. Keep only what you change: the empty file is a strict production
# configuration. The same keys exist in the environment (TIM_DATABASE__POOL_MAX=20; lists as JSON), and every
# secret also as <key>_file. `timserver config check` finds mistakes. Tenants are not here: see `timserver tenant`.
"""


def schema() -> str:
    """JSON Schema of the configuration file."""
    tree = Settings.model_json_schema()
    _add_secret_files(tree, Settings)
    for name, definition in tree["$defs"].items():
        model = next((item for item in _models(Settings) if item.__name__ == name), None)
        if model:
            _add_secret_files(definition, model)
    return json.dumps({"$schema": "https://json-schema.org/draft/2020-12/schema", **tree}, indent=2) + "\n"


def example() -> str:
    """A TOML file with every key commented out at its default; `# key =` has none."""
    lines = [_HEAD, *_scalars(Settings(), ())]
    for name, value in _fields(Settings()):
        if isinstance(value, BaseModel):
            lines += ["", f"# [{name}]", *_scalars(value, (name,))]
        elif isinstance(value, tuple) and value and isinstance(value[0], BaseModel):
            for item in value:
                lines += ["", f"# [[{name}]]", *_scalars(item, (name,))]
    return "\n".join(lines) + "\n"


def _models(model: type[BaseModel]) -> Iterator[type[BaseModel]]:
    for field in model.model_fields.values():
        if section := section_of(field.annotation):
            yield section
            yield from _models(section)


def _add_secret_files(definition: dict[str, Any], model: type[BaseModel]) -> None:
    for name, field in model.model_fields.items():
        if SecretStr in annotation_parts(field.annotation):
            definition["properties"][f"{name}_file"] = {
                "type": "string",
                "description": f"A file that holds {name}.",
            }


def _fields(section: BaseModel) -> Iterator[tuple[str, Any]]:
    for name in type(section).model_fields:
        yield name, getattr(section, name)


def _scalars(section: BaseModel, where: tuple[str, ...]) -> Iterator[str]:
    for name, value in _fields(section):
        field = type(section).model_fields[name]
        is_rate = isinstance(value, BaseModel) and bool(where)
        if section_of(field.annotation) and not is_rate:
            continue
        if field.description:
            yield f"## {field.description}"
        text = _inline(value) if is_rate else _toml(value)
        yield f"# {name} = {text}".rstrip()


def _inline(section: BaseModel) -> str:
    return "{ " + ", ".join(f"{name} = {_toml(value)}" for name, value in _fields(section)) + " }"


def _toml(value: Any) -> str:
    """A value as TOML; strings as JSON strings, which are TOML strings too."""
    if value is None:
        return ""
    if isinstance(value, SecretStr):
        return json.dumps(value.get_secret_value())
    if isinstance(value, (str, Path)):
        return json.dumps(value.value if isinstance(value, Enum) else str(value))
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return "[" + ", ".join(_toml(item) for item in value) + "]"
    return repr(value)
