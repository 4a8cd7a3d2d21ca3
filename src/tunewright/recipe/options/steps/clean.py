"""Options of the step `clean`."""

from __future__ import annotations

from typing import Literal

from tunewright.recipe.fields import Part, option


class Options(Part):
    """Mends texts: broken Unicode, control and invisible characters, white space, HTML; drops empty turns."""

    type: Literal["clean"] = "clean"
    version: Literal[1] = 1
    unicode: bool = option(
        True, "Mend texts that were decoded wrongly (`donâ€™t`), by ftfy.", why="such text is never meant"
    )
    normal_form: Literal["NFC", "NFKC", "none"] = option(
        "NFC", "Unicode normal form.", why="NFC: one spelling of each letter, nothing lost; NFKC also rewrites ﬁ and ²"
    )
    invisible: bool = option(
        True, "Remove control characters and those without width.", why="they split words for the tokenizer, unseen"
    )
    white_space: Literal["lines", "all", "none"] = option(
        "lines",
        "lines: trim line ends and runs of empty lines; all: also runs of blanks; none: leave it.",
        why="lines: indentation of code and tables stays",
    )
    html: bool = option(
        False, "Make text of HTML.", why="off: text about HTML would lose what it is about; on for scraped pages"
    )
    empty_turns: Literal["drop_row", "keep"] = option(
        "drop_row", "What happens to a row with a turn that is empty afterwards.", why="nobody can answer nothing"
    )
