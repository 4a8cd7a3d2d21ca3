"""The tokenizer's files in a model folder: what is read, in which order, and what is refused."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

from tokenizers import AddedToken, Tokenizer

from tunewright.core import digest
from tunewright.core.errors import UserError

SPECIAL_NAMES = ("bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token")


@dataclass(frozen=True)
class TokenizerFiles:
    """What a model folder says about its text: `tokens` maps names such as `eos_token` to their text.

    `tool_template` writes the rows that offer tools, where a model has a template of its own for them.
    """

    tokenizer: Tokenizer
    tokenizer_digest: str
    template: str
    tool_template: str
    tokens: Mapping[str, str]
    stop_ids: frozenset[int]
    config: Mapping[str, Any]
    added_tokens: tuple[str, ...] = ()


TEMPLATE_FILE = "chat_template.jinja"
TOOL_TEMPLATE_FILE = "additional_chat_templates/tool_use.jinja"
TEMPLATES = Path(__file__).with_name("templates")


def our_templates() -> list[str]:
    """Names of the templates that come with Tunewright."""
    return sorted(path.stem for path in TEMPLATES.glob("*.jinja"))


def is_ours(name: str | None) -> bool:
    """True for the name of one of our templates."""
    return name is not None and name in our_templates()


def named_template(name: str, base: Path) -> str:
    """The source of a template of ours, or of a file relative to `base`. Raises UserError when there is none."""
    path = TEMPLATES / f"{name}.jinja" if is_ours(name) else base / name
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(
            f'no chat template is called "{name}", and no file of that name can be read.',
            where="model.template",
            do=f"Write one of {', '.join(our_templates())}, or the path of a Jinja file.",
        ) from error


def with_bos(files: TokenizerFiles) -> TokenizerFiles:
    """A template of ours with the first token of every text in front, where the tokenizer puts one there by itself."""
    bos = files.tokens.get("bos_token", "")
    first = files.tokenizer.encode("a").ids[:1]
    if not bos or first != [files.tokenizer.token_to_id(bos)]:
        return files
    return replace(files, template="{{- bos_token }}\n" + files.template)


def has_template(folder: Path) -> bool:
    """True when a model brings a chat template of its own."""
    return (folder / TEMPLATE_FILE).exists() or bool(read_json(folder / "tokenizer_config.json").get("chat_template"))


def write_files(files: TokenizerFiles, folder: Path) -> None:
    """Write tokenizer.json, tokenizer_config.json and chat_template.jinja."""
    folder.mkdir(parents=True, exist_ok=True)
    files.tokenizer.save(str(folder / "tokenizer.json"))
    config = {**files.tokens, **{key: value for key, value in files.config.items() if key != "chat_template"}}
    (folder / "tokenizer_config.json").write_text(json.dumps(config, indent=1) + "\n", encoding="utf-8")
    (folder / TEMPLATE_FILE).write_text(files.template, encoding="utf-8")
    if files.tool_template:
        path = folder / TOOL_TEMPLATE_FILE
        path.parent.mkdir(exist_ok=True)
        path.write_text(files.tool_template, encoding="utf-8")


def add_tokens(tokenizer: Tokenizer, texts: tuple[str, ...]) -> None:
    """Put new tokens behind the vocabulary.

    Raises UserError for one that is there already, stands twice, or is read as something else.
    """
    for text in texts:
        if not text.strip() or tokenizer.token_to_id(text) is not None:
            what = f'"{text}" is a token already.' if text.strip() else "a token cannot be white space."
            raise UserError(what, where="model.added_tokens", do="Take it out of the list.")
        tokenizer.add_tokens([AddedToken(text, normalized=False)])  # pyright: ignore[reportUnknownMemberType]
    for text in texts:
        if tokenizer.encode(text, add_special_tokens=False).ids != [tokenizer.token_to_id(text)]:
            raise UserError(
                f'"{text}" would not be read as one token.',
                where="model.added_tokens",
                do="Take it out of the list, or the token that it contains.",
            )


def read_files(folder: Path, *, template: str | None = None, added_tokens: tuple[str, ...] = ()) -> TokenizerFiles:
    """Read tokenizer.json, tokenizer_config.json, the chat template and the ids that end a text.

    `template` stands in place of the model's own. Raises UserError for a file that is missing or broken, and for a
    model without a chat template.
    """
    path = folder / "tokenizer.json"
    if "model" not in read_json(path, required=True):
        raise UserError("this is not a tokenizer.", where=str(path), do="Fetch the model's tokenizer.json again.")
    tokenizer = Tokenizer.from_file(str(path))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    config = read_json(folder / "tokenizer_config.json")
    tokens = special_tokens({**read_json(folder / "special_tokens_map.json"), **config})
    add_tokens(tokenizer, added_tokens)
    own = digest.of_file(path)
    plain, for_tools = (template, "") if template is not None else read_templates(folder, config)
    return TokenizerFiles(
        tokenizer=tokenizer,
        tokenizer_digest=digest.of_json([own, *added_tokens]) if added_tokens else own,
        template=plain,
        tool_template=for_tools,
        tokens=tokens,
        stop_ids=read_stop_ids(folder, tokenizer, eos_token=tokens.get("eos_token", "")),
        config=config,
        added_tokens=added_tokens,
    )


def read_json(path: Path, *, required: bool = False) -> dict[str, Any]:
    """A JSON object; an absent file that is not required is an empty one. Raises UserError when it is broken."""
    if not path.exists() and not required:
        return {}
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise UserError(
            "this file is missing.", where=str(path), do="Use a model folder with a fast tokenizer (tokenizer.json)."
        ) from error
    except ValueError as error:
        raise UserError(f"this is not JSON: {error}.", where=str(path), do="Fetch the file again.") from error
    if not isinstance(value, dict):
        raise UserError("this is not a JSON object.", where=str(path), do="Fetch the file again.")
    return cast("dict[str, Any]", value)


def special_tokens(config: Mapping[str, Any]) -> dict[str, str]:
    """Name to text of the special tokens, as templates see them; a token may be written as a string or as an object."""
    found: dict[str, str] = {}
    for name, value in config.items():
        if not name.endswith("_token") or name.startswith("add_"):
            continue
        text = cast("dict[str, Any]", value).get("content") if isinstance(value, dict) else value
        if isinstance(text, str) and text:
            found[name] = text
    return found


def read_templates(folder: Path, config: Mapping[str, Any]) -> tuple[str, str]:
    """The default chat template, and the one for rows with tools, which is empty where a model has none.

    From chat_template.jinja and additional_chat_templates/, else from tokenizer_config.json, as Transformers does it.
    """
    given: Any = config.get("chat_template")
    found: dict[Any, Any] = {"default": given}
    if (folder / TEMPLATE_FILE).exists():
        files = {"default": folder / TEMPLATE_FILE, "tool_use": folder / TOOL_TEMPLATE_FILE}
        found = {name: path.read_text(encoding="utf-8") for name, path in files.items() if path.exists()}
    elif isinstance(given, list):
        found = {item.get("name"): item.get("template") for item in cast("list[dict[str, Any]]", given)}
    default = found.get("default")
    if not isinstance(default, str) or not default.strip():
        raise UserError(
            "this model has no chat template.",
            where=str(folder),
            do="Write model.template: chatml, llama3, alpaca, user_assistant or a file, or take the instruct model.",
        )
    return default, found.get("tool_use") or ""


def read_stop_ids(folder: Path, tokenizer: Tokenizer, *, eos_token: str) -> frozenset[int]:
    """Ids that end a text, of generation_config.json, config.json and the tokenizer's own `eos_token`."""
    found: set[int] = set()
    for name in ("generation_config.json", "config.json"):
        found |= eos_ids(read_json(folder / name))
    own = tokenizer.token_to_id(eos_token) if eos_token else None
    return frozenset(found if own is None else found | {own})


def eos_ids(settings: Mapping[str, Any]) -> set[int]:
    """The ids under `eos_token_id`, which is one number, several or absent."""
    given: Any = settings.get("eos_token_id")
    several = cast("list[Any]", given) if isinstance(given, list) else [given]
    return {item for item in several if isinstance(item, int)}


def write_stop_ids(folder: Path, ids: frozenset[int]) -> None:
    """Add the ids that end an answer to a whole model's generation_config.json, where Transformers and vLLM look.

    An adapter's folder has no such file and gets none: its base's is used.
    """
    path = folder / "generation_config.json"
    settings = read_json(path)
    known = eos_ids(settings)
    if path.exists() and not ids <= known:
        settings["eos_token_id"] = sorted(ids | known)
        path.write_text(json.dumps(settings, indent=2) + "\n", encoding="utf-8")
