"""From a TOML file and an environment to `Settings`, and back to text for the operator."""

import difflib
import json
import tomllib
import types
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Union, get_args, get_origin

from pydantic import BaseModel, SecretStr, ValidationError

from timserver.config.settings import Settings

PREFIX = "TIM_"
CONFIG_VARIABLE = "TIM_CONFIG"
Tree = dict[str, Any]


class ConfigError(Exception):
    """The configuration cannot be used; the text says where and what to write instead."""


def load(path: Path | None, environment: Mapping[str, str]) -> Settings:
    """Settings from a file, if one is given, overridden by `TIM_…` variables.

    Raises `ConfigError` with one line per mistake.
    """
    tree = _read(path) if path else {}
    for name, text in environment.items():
        if name.startswith(PREFIX) and name != CONFIG_VARIABLE:
            _put(tree, name.removeprefix(PREFIX).lower().split("__"), _value(text), name)
    _read_secret_files(tree, Settings, ())
    try:
        return Settings.model_validate(tree)
    except ValidationError as error:
        raise ConfigError(_explain_all(error)) from None


def dump(settings: Settings, *, redacted: bool) -> str:
    """All settings as JSON, defaults included, that `load` would take; secrets as `**********` when redacted."""

    def plain(value: Any) -> str:
        if isinstance(value, SecretStr) and not redacted:
            return value.get_secret_value()
        return str(value)

    return json.dumps(settings.model_dump(), indent=2, ensure_ascii=False, default=plain)


def _read(path: Path) -> Tree:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: {error}") from None


def _value(text: str) -> Any:
    """Lists and tables are written as JSON in the environment; the rest is converted by its field."""
    if not text.startswith(("[", "{")):
        return text
    try:
        return json.loads(text)
    except ValueError:
        return text


def _put(tree: Tree, keys: list[str], value: Any, name: str) -> None:
    for key in keys[:-1]:
        tree = tree.setdefault(key, {})
        if not isinstance(tree, dict):
            raise ConfigError(f"{name}: {key} is not a table")
    tree[keys[-1]] = value


def annotation_parts(annotation: Any) -> tuple[Any, ...]:
    """The types of an optional annotation: `A | None` is A and None."""
    is_union = get_origin(annotation) in {Union, types.UnionType}
    return get_args(annotation) if is_union else (annotation,)


def section_of(annotation: Any) -> type[BaseModel] | None:
    """The model behind a field's annotation: of itself or of a tuple's items."""
    for part in annotation_parts(annotation):
        item = get_args(part)[0] if get_origin(part) is tuple else part
        if isinstance(item, type) and issubclass(item, BaseModel):
            return item
    return None


def _read_secret_files(tree: Tree, model: type[BaseModel], where: tuple[str, ...]) -> None:
    """Replace each `<secret>_file` by what the file holds, without surrounding blanks."""
    for name, field in model.model_fields.items():
        section = section_of(field.annotation)
        if section and isinstance(tree.get(name), dict):
            _read_secret_files(tree[name], section, (*where, name))
        if SecretStr not in annotation_parts(field.annotation) or f"{name}_file" not in tree:
            continue
        key = ".".join((*where, name))
        if name in tree:
            raise ConfigError(f"{key} and {key}_file are both given: keep one")
        try:
            tree[name] = Path(tree.pop(f"{name}_file")).read_text(encoding="utf-8").strip()
        except OSError as error:
            raise ConfigError(f"{key}_file: {error.filename}: {error.strerror}") from None


def _explain_all(error: ValidationError) -> str:
    """One line per mistake; a section that is wrong only because of what is in it has none of its own."""
    items = error.errors()
    inner = {item["loc"][:length] for item in items for length in range(len(item["loc"]))}
    return "\n".join(_explain(item) for item in items if item["loc"] not in inner)


def _explain(item: Any) -> str:
    """One line on one mistake of a pydantic error."""
    location: tuple[str | int, ...] = item["loc"]
    key = ".".join(str(part) for part in location)
    if item["type"] != "extra_forbidden":
        return f"{key}: {item['msg'].removeprefix('Value error, ')}" if key else str(item["msg"])
    near = difflib.get_close_matches(str(location[-1]), _names(location[:-1]), n=1, cutoff=0)
    return f"{key}: unknown key; the nearest is {near[0]}"


def _names(location: tuple[str | int, ...]) -> list[str]:
    """The keys that are allowed in a section."""
    model: type[BaseModel] = Settings
    for part in location:
        if isinstance(part, str):
            model = section_of(model.model_fields[part].annotation) or model
    secrets = [
        f"{name}_file"
        for name, field in model.model_fields.items()
        if SecretStr in annotation_parts(field.annotation)
    ]
    return [*model.model_fields, *secrets]
