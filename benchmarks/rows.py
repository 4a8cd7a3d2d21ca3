"""The benchmark's own chat rows: real English of Python's manual, cut to drawn lengths; the same on every machine.

512 rows; prompts of 20 to 400 tokens, answers of 10 to 200, uniform; a row with its template has at most 512.
"""

from __future__ import annotations

import random
import re
from pydoc_data.topics import topics
from typing import Any

ROWS = 512
SEED = 20261122
PROMPT_TOKENS, ANSWER_TOKENS, LONGEST = (20, 400), (10, 200), 470


def words() -> list[str]:
    """The words of the manual's prose, in order."""
    prose = [re.sub(r"[*`_|=^+~-]{2,}|\W{4,}", " ", topics[name]) for name in sorted(topics)]
    return " ".join(prose).split()


def rows(tokenizer: Any) -> list[dict[str, Any]]:
    """The rows as OpenAI messages. `tokenizer` has `encode_batch` (Hugging Face tokenizers)."""
    rng = random.Random(SEED)
    text = words()
    sizes = [len(item.ids) for item in tokenizer.encode_batch([f" {word}" for word in text], add_special_tokens=False)]
    found: list[dict[str, Any]] = []
    for _ in range(ROWS):
        wanted_prompt, wanted_answer = rng.randint(*PROMPT_TOKENS), rng.randint(*ANSWER_TOKENS)
        start = rng.randrange(len(text) - 1200)
        prompt, at = _take(text, sizes, start, wanted_prompt)
        answer, _ = _take(text, sizes, at, min(wanted_answer, LONGEST - wanted_prompt))
        found.append({"messages": [{"role": "user", "content": prompt}, {"role": "assistant", "content": answer}]})
    return found


def _take(text: list[str], sizes: list[int], start: int, tokens: int) -> tuple[str, int]:
    """Words from `start` that make about so many tokens, and where the next begins."""
    end, used = start, 0
    while used + sizes[end] <= tokens or end == start:
        used += sizes[end]
        end += 1
    return " ".join(text[start:end]), end
