"""Options of the step `augment`."""

from __future__ import annotations

from typing import Literal

from pydantic import model_validator

from tunewright.recipe.fields import Options as Block
from tunewright.recipe.fields import Part, Share, ShareOrCount, option

NOISE = ("typos", "case", "spacing", "punctuation")


class WrittenOptions(Block):
    """Rows written by a model behind an OpenAI-compatible server."""

    url: str = option(
        "http://127.0.0.1:8080/v1", "Address of the server.", why="where servers on this machine usually listen"
    )
    model: str = option("", "Name of the model, as the server knows it.", why="one-model servers need none")
    api_key_env: str = option(
        "",
        "Environment variable with the server's key; empty: TUNEWRIGHT_API_KEY, else OPENAI_API_KEY, else none.",
        why="keys do not belong in recipes",
    )
    task: Literal["paraphrase", "synthesis"] = option(
        "paraphrase",
        "paraphrase: the last user turn in other words, the answer stays; synthesis: a new request with its answer.",
        why="a paraphrase keeps an answer that a person wrote",
    )
    prompt: str = option(
        "",
        "What the model is told: `{text}` is the turn to be paraphrased, `{examples}` are three rows as JSON lines."
        " Empty: our own wording.",
        why="ours asks for the same meaning, names, numbers and language",
    )
    rows: int = option(100, "How many rows it is asked for.", why="a start that costs little", unit="rows", ge=1)
    rubric: str = option(
        "",
        "What must hold of a new row: the same model is asked, and rows that it does not answer yes to are rejected."
        " Empty: it is not asked.",
        why="a second question a row doubles the cost",
    )
    max_new_tokens: int = option(512, "Longest answer.", why="a few paragraphs", unit="tokens", ge=1)
    temperature: float = option(0.7, "How freely it writes.", why="other words are wanted", ge=0, le=2)
    read_usd: float = option(
        0.0, "Price of a million tokens that it reads.", why="own servers are free", unit="USD", ge=0
    )
    written_usd: float = option(
        0.0, "Price of a million tokens that it writes.", why="own servers are free", unit="USD", ge=0
    )
    cost_limit_usd: float = option(
        5.0, "What all answers may cost together; the work ends before more is spent.", why="a lunch", unit="USD", ge=0
    )

    @model_validator(mode="after")
    def _has_its_place(self) -> WrittenOptions:
        place = "{text}" if self.task == "paraphrase" else "{examples}"
        if self.prompt and place not in self.prompt:
            raise ValueError(f"the prompt of a {self.task} needs {place}.")
        return self


class Options(Part):
    """Makes further training rows out of those that are there: noise, synonyms, templates, or a model's words."""

    type: Literal["augment"] = "augment"
    version: Literal[1] = 1
    share: ShareOrCount = option(
        0.1, "How many copies are made: a share of the training rows, or a number.", why="noise helps in small doses"
    )
    noise: tuple[Literal["typos", "case", "spacing", "punctuation"], ...] = option(
        NOISE, "Kinds of noise in user turns; answers stay as they are.", why="what people type has all four"
    )
    noise_rate: Share = option(
        0.08, "Share of words that a copy has changed; at least one.", why="about one word a sentence"
    )
    synonyms: bool = option(
        False, "Also copies with common English words in place of others.", why="off: the list is small and English"
    )
    templates: tuple[str, ...] = option(
        (), "Also copies whose last user turn stands in one of these; `{text}` is where.", why="wording is yours to say"
    )
    balance: Literal["label"] | None = option(
        None,
        "label: so many copies that each label has as many rows as the largest, in place of `share`.",
        why="off: weights cost no rows",
    )
    most_copies: int = option(
        4, "Copies of one row at most, where labels are balanced.", why="more of one row teach it by heart", ge=1
    )
    written: WrittenOptions | None = option(
        None, "Rows written by a model behind a server.", why="off: nothing leaves this machine unasked"
    )
    alike: Share = option(
        0.8,
        "Rows by a model are rejected from this share of words in common with another row's request (Jaccard).",
        why="nearer ones say nothing new",
        gt=0,
    )
    seed: int = option(0, "Seed of all draws.", why="fixed, so that the same rows are made again", ge=0)

    @model_validator(mode="after")
    def _has_places(self) -> Options:
        if any("{text}" not in template for template in self.templates):
            raise ValueError("every template needs {text}.")
        return self
