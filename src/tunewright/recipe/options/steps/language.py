"""Options of the step `language`."""

from __future__ import annotations

from typing import Literal

from pydantic import field_validator

from tunewright.core.catalog import nearest
from tunewright.recipe.fields import Part, Share, option

_CODES = (
    "af als am an ar arz as ast av az azb ba bar bcl be bg bh bn bo bpy br bs bxr ca cbk ce ceb ckb co cs cv cy da de"
    " diq dsb dty dv el eml en eo es et eu fa fi fr frr fy ga gd gl gn gom gu gv he hi hif hr hsb ht hu hy ia id ie ilo"
    " io is it ja jbo jv ka kk km kn ko krc ku kv kw ky la lb lez li lmo lo lrc lt lv mai mg mhr min mk ml mn mr mrj ms"
    " mt mwl my myv mzn nah nap nds ne new nl nn no oc or os pa pam pfl pl pms pnb ps pt qu rm ro ru rue sa sah sc scn"
    " sco sd sh si sk sl so sq sr su sv sw ta te tg th tk tl tr tt tyv ug uk ur uz vec vep vi vls vo wa war wuu xal xmf"
    " yi yo yue zh"
)
CODES = frozenset(_CODES.split())
"""Languages that the model of fastText knows (lid.176)."""


class Options(Part):
    """Finds the language of each row, for slices of reports; with `allowed`, drops rows in another one."""

    type: Literal["language"] = "language"
    version: Literal[1] = 1
    allowed: tuple[str, ...] = option(
        (), "ISO codes of languages whose rows stay, such as `en`, `de`.", why="none: every row stays and is measured"
    )
    least: Share = option(
        0.5,
        "Least probability at which the language of a text counts as known.",
        why="half: likelier than all others together; below it the model is guessing",
    )
    least_letters: int = option(
        20,
        "Fewer letters than these are unsure, whatever the model says.",
        why="measured: of shorter texts one in seven is taken for another language, of longer ones one in 35",
        unit="characters",
        ge=0,
    )
    unsure: Literal["keep", "drop"] = option(
        "keep", "What happens to a row whose language is not known.", why="short answers, code and numbers belong to it"
    )
    look_at: Literal["conversation", "answers", "each_turn"] = option(
        "conversation",
        "conversation: user's and assistant's turns as one text; answers: the assistant's; each_turn: every one alone.",
        why="conversation: the more text, the surer; each_turn drops rows that answer in another language",
    )
    column: str = option(
        "language",
        "Kept column that the code is written into, `unknown` where it is; empty: none.",
        why="reports slice by it",
        max_length=100,
    )

    @field_validator("allowed")
    @classmethod
    def _known(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for code in value:
            if code not in CODES:
                raise ValueError(f'no language has the code "{code}". {nearest(code, sorted(CODES))}')
        return value
