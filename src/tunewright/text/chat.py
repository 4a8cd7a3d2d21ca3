"""A tokenizer with its chat template: conversations to tokens and loss weights.

T tokens of one conversation. The whole text is tokenised once, as it will be when the model serves, and the
prompt's tokens are checked to be a prefix of it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tokenizers import Encoding, Tokenizer

from tunewright.core import digest
from tunewright.core.ports import Ids, Message, RowProblem
from tunewright.text.files import (
    TokenizerFiles,
    has_template,
    is_ours,
    named_template,
    read_files,
    with_bos,
    write_files,
    write_stop_ids,
)
from tunewright.text.spans import Draft, LossOn, Span, draft, render
from tunewright.text.template import FAILURES, FIXED_DAY, Template
from tunewright.text.turns import Conversation, check_nothing_lost, leaves, texts

Tokens = tuple[NDArray[np.int32], NDArray[np.float32]]
CACHED_TAILS = 4096
_ANSWER = "An answer"


def load_chat(
    folder: Path,
    *,
    template: str | None = None,
    added_tokens: tuple[str, ...] = (),
    base: Path | None = None,
    fallback: str | None = None,
    today: date = FIXED_DAY,
) -> ChatFormat:
    """The chat format of a model folder, with another template or more tokens where that is asked for.

    `template` is a name of ours or a file, relative to `base`; `fallback` the name of one for models without.
    Raises UserError when a file is missing or broken.
    """
    name = template or (fallback if fallback and not has_template(folder) else None)
    source = named_template(name, base or Path()) if name else None
    files = read_files(folder, template=source, added_tokens=added_tokens)
    return ChatFormat(with_bos(files) if is_ours(name) else files, today=today)


class ChatFormat:
    """Fulfils the port Chat.

    `stop_ids` are the ids that end an answer: the token that the template writes after an assistant turn, and the
    model's own end-of-text ids. `stop_text` is that token's text, empty where the template writes none; `turn_end` its
    id, that of the end of a text where the template writes none, empty where there is neither.
    """

    def __init__(self, files: TokenizerFiles, *, today: date = FIXED_DAY) -> None:
        self.files = files
        self.tokenizer: Tokenizer = files.tokenizer
        self.added_ids: dict[str, int] = added_ids(files)
        self.vocabulary_size: int = files.tokenizer.get_vocab_size(with_added_tokens=True)
        self.template = Template(files.template, files.tokens, today=today)
        self.tool_template = Template(files.tool_template, files.tokens, today=today) if files.tool_template else None
        self.template_digest: str = self.template.digest
        if self.tool_template:
            self.template_digest = digest.of_json([self.template.digest, self.tool_template.digest])
        self.eos_text: str = files.tokens.get("eos_token", "")
        self.end_id: int = end_of_text(files)
        self.stop_text: str = turn_end(self.template, self.tokenizer)
        own = self.tokenizer.token_to_id(self.stop_text) if self.stop_text else None
        self.stop_ids: frozenset[int] = files.stop_ids if own is None else files.stop_ids | {own}
        ends = self.end_id if own is None else own
        self.turn_end: tuple[int, ...] = (ends,) if ends >= 0 else ()
        self.stop_texts: tuple[str, ...] = added_texts(files, self.stop_ids)
        self.digest: str = digest.of_json([self.template_digest, files.tokenizer_digest, sorted(self.stop_ids)])
        self.control_texts = control_texts(files, self.stop_ids)
        self._control = re.compile("|".join(map(re.escape, self.control_texts)) or r"(?!)")
        self._tails: dict[str, list[int]] = {}

    def render(self, messages: Sequence[Message], *, generation: bool, tools: Sequence[Mapping[str, Any]] = ()) -> str:
        """Text of a conversation; with `generation`, up to where the assistant begins to answer."""
        return self._template(tools).render(messages, generation=generation, tools=tools)

    def _template(self, tools: Sequence[Mapping[str, Any]]) -> Template:
        return self.tool_template if tools and self.tool_template else self.template

    def problem(self, messages: Sequence[Message], *, tools: Sequence[Mapping[str, Any]] = ()) -> RowProblem | None:
        """Why a row cannot be written as tokens: a control token in its text, or text that is not Unicode."""
        for index, turn in enumerate(messages):
            for text in texts(turn):
                if (problem := self._text_problem(text, f"turn {index + 1}")) is not None:
                    return problem
        found = (self._text_problem(text, "a tool's schema") for text in leaves(tools))
        return next((problem for problem in found if problem is not None), None)

    def _text_problem(self, text: str, where: str) -> RowProblem | None:
        if found := self._control.search(text):
            return RowProblem("control_token", f'{where} holds "{found.group()}", which would end a turn')
        if not text.isascii() and not is_unicode(text):
            return RowProblem("lone_surrogate", f"{where} holds half of a UTF-16 pair")
        return None

    def save(self, folder: Path) -> None:
        """Write tokenizer.json, tokenizer_config.json and chat_template.jinja, as Transformers reads them.

        A whole model's generation_config.json that is there already learns the stop ids.
        """
        write_files(self.files, folder)
        write_stop_ids(folder, self.stop_ids)

    def prompt_ids(self, messages: Sequence[Message], *, tools: Sequence[dict[str, Any]] = ()) -> list[int]:
        """Tokens of a conversation up to where the assistant begins to answer."""
        return self.encode_text(self.render(messages, generation=True, tools=tools))

    def encode_text(self, text: str) -> list[int]:
        """Tokens of plain text, nothing added."""
        return self.tokenizer.encode(text, add_special_tokens=False).ids

    def decode(self, ids: Ids) -> str:
        """Text of tokens, special ones left out."""
        return self.tokenizer.decode(list(ids), skip_special_tokens=True)

    def pieces(self, ids: Ids) -> list[str]:
        """The text that each token adds; a character made of several tokens stands at the last of them."""
        found: list[str] = []
        done = 0
        for index in range(len(ids)):
            start = max(0, done - 1)  # with the token before, for tokenizers that strip a first space
            text = self._text(ids[start : index + 1])
            if text.endswith("\ufffd") and index + 1 < len(ids) and index - done < 3:
                found.append("")
                continue
            found.append(text[len(self._text(ids[start:done])) :])
            done = index + 1
        return found

    def _text(self, ids: Ids) -> str:
        return self.tokenizer.decode(list(ids), skip_special_tokens=False)

    def encode(
        self, messages: Sequence[Message], *, loss_on: LossOn, tools: Sequence[Mapping[str, Any]] = ()
    ) -> Tokens:
        """Tokens int32 [T] and loss weights float32 [T] of a conversation.

        weights[t] is the weight of predicting token t, so weights[0] is 0. Raises RowProblem when it cannot be trained.
        """
        result = self.encode_many([Conversation(messages, tools)], loss_on=loss_on)[0]
        if isinstance(result, RowProblem):
            raise result
        return result

    def encode_texts(self, texts: Sequence[str]) -> list[NDArray[np.int32]]:
        """Tokens int32 [T] of each plain text, nothing added, on all cores."""
        encoded = self.tokenizer.encode_batch(list(texts), add_special_tokens=False)
        return [np.array(item.ids, dtype=np.int32) for item in encoded]

    def encode_prompts(self, rows: Sequence[Conversation]) -> list[NDArray[np.int32] | RowProblem]:
        """Tokens int32 [T] of each conversation up to where the assistant begins to answer, or its problem."""
        written = [self._prompt_text(talk) for talk in rows]
        texts = [item for item in written if isinstance(item, str)]
        encoded = iter(self.tokenizer.encode_batch(texts, add_special_tokens=False))
        return [
            item if isinstance(item, RowProblem) else np.array(next(encoded).ids, dtype=np.int32) for item in written
        ]

    def _prompt_text(self, talk: Conversation) -> str | RowProblem:
        if (problem := self.problem(talk.messages, tools=talk.tools)) is not None:
            return problem
        try:
            text = render(self._template(talk.tools), talk, generation=True)
            check_nothing_lost(text, talk)
        except RowProblem as problem:
            return problem
        return text

    def encode_many(
        self, rows: Sequence[Conversation], *, loss_on: LossOn, rewritten: dict[int, int] | None = None
    ) -> list[Tokens | RowProblem]:
        """`encode` for many conversations, on all cores; a problem stands in the place of its row.

        `rewritten` is filled with the number of earlier answers that have weight 0 because the template writes them
        otherwise once more turns follow, by index of the row.
        """
        drafts = [self._draft(talk, loss_on) for talk in rows]
        if rewritten is not None:
            given = enumerate(drafts)
            rewritten.update({i: item.rewritten for i, item in given if isinstance(item, Draft) and item.rewritten})
        texts = [item.text for item in drafts if isinstance(item, Draft)]
        encoded = iter(self.tokenizer.encode_batch(texts, add_special_tokens=False))
        return [item if isinstance(item, RowProblem) else self._weigh(item, next(encoded), loss_on) for item in drafts]

    def _draft(self, talk: Conversation, loss_on: LossOn) -> Draft | RowProblem:
        if (problem := self.problem(talk.messages, tools=talk.tools)) is not None:
            return problem
        try:
            return draft(self._template(talk.tools), talk, stop_texts=self.stop_texts, loss_on=loss_on)
        except RowProblem as problem:
            return problem

    def _weigh(self, item: Draft, encoding: Encoding, loss_on: LossOn) -> Tokens | RowProblem:
        ids = encoding.ids
        weights = np.full(len(ids), 1 if loss_on == "all" else 0, dtype=np.float32)
        for span in item.spans:
            first = token_at(encoding, span.start)
            last = token_at(encoding, span.end - 1)
            if not self._prompt_is_prefix(item.text, span, ids[:first]):
                return RowProblem("token_boundary", "the end of the prompt and the start of the answer share a token")
            if ids[last] not in self.stop_ids:
                return RowProblem("no_stop_token", "the text of the stop token is not one token here")
            weights[first : last + 1] = span.weight
        weights[:1] = 0
        return np.array(ids, dtype=np.int32), weights

    def _prompt_is_prefix(self, text: str, span: Span, before: list[int]) -> bool:
        """Would the prompt alone give the tokens that stand before the answer?

        A tokenizer cuts text at control tokens first, so what stands before the last of them cannot differ; the rest is
        nearly always the same header and is remembered.
        """
        cut = max((text.rfind(control, 0, span.start) for control in self.control_texts), default=-1)
        tail = text[max(cut, 0) : span.start]
        ids = self._tails.get(tail)
        if ids is None:
            if len(self._tails) >= CACHED_TAILS:
                self._tails.clear()
            ids = self._tails[tail] = self.encode_text(tail)
        return before == ids if cut <= 0 else before[len(before) - len(ids) :] == ids


def token_at(encoding: Encoding, char: int) -> int:
    """Index of the token that holds a character of the text."""
    found = encoding.char_to_token(char)
    if found is None:  # some tokenizers leave white space out of a token's range: then it is the next token's
        ends = [end for _start, end in encoding.offsets]
        found = next(index for index, end in enumerate(ends) if end > char)
    return found


def is_unicode(text: str) -> bool:
    """False when the text holds a lone surrogate, which has no UTF-8 form."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def turn_end(template: Template, tokenizer: Tokenizer) -> str:
    """Text of the added token that the template writes right after an assistant turn; empty when there is none."""
    tail = after_answer(template)
    added = [token.content for token in tokenizer.get_added_tokens_decoder().values()]
    return max((content for content in added if content.strip() and tail.startswith(content)), key=len, default="")


def after_answer(template: Template) -> str:
    """What the template writes after an answer that is the last turn; empty when it refuses."""
    turns: list[Message] = [{"role": "user", "content": "A question"}, {"role": "assistant", "content": _ANSWER}]
    try:
        text = template.render(turns, generation=False)
    except FAILURES:
        return ""  # the probe says so with the template's own words
    return text[text.rfind(_ANSWER) + len(_ANSWER) :].lstrip() if _ANSWER in text else ""


def end_of_text(files: TokenizerFiles) -> int:
    """Id of the token that ends a document: the tokenizer's `eos_token`, else the smallest stop id; -1 for none."""
    own = files.tokenizer.token_to_id(files.tokens.get("eos_token", ""))
    return own if own is not None else min(files.stop_ids, default=-1)


def added_ids(files: TokenizerFiles) -> dict[str, int]:
    """Ids of the tokens that the recipe added, by their text."""
    found = {text: files.tokenizer.token_to_id(text) for text in files.added_tokens}
    return {text: number for text, number in found.items() if number is not None}


def added_texts(files: TokenizerFiles, ids: frozenset[int]) -> tuple[str, ...]:
    """Texts of those added tokens that are among some ids."""
    added = files.tokenizer.get_added_tokens_decoder()
    return tuple(token.content for number, token in sorted(added.items()) if number in ids and token.content.strip())


def control_texts(files: TokenizerFiles, stop_ids: frozenset[int]) -> tuple[str, ...]:
    """Tokens that shape a conversation here: stop tokens, and the special and newly added ones in the template's text.

    Longest first, so that a longer one is found before one that it begins with.
    """
    named, source = set(files.tokens.values()), files.template + files.tool_template
    found = set(added_texts(files, stop_ids)) | {text for text in files.added_tokens if text in source}
    for token in files.tokenizer.get_added_tokens_decoder().values():
        if token.special and token.content.strip() and (token.content in named or token.content in source):
            found.add(token.content)
    return tuple(sorted(found, key=lambda text: (-len(text), text)))
