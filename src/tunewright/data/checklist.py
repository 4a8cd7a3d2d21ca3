"""The checklist of a data set: nine rules, each met, warned of, or refused. Pure functions over records.

The rules are those of the guides S3 and S4 (data quality checklist, dataset size guidelines); limits that the guides do
not give are ours, and say so.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import orjson
from pydantic import ValidationError

from tunewright.core.errors import LimitNotMet, Problem
from tunewright.core.nouns import DatasetVersion
from tunewright.core.workspace import write_json
from tunewright.data.arrange import CONFLICTING
from tunewright.data.survey import NAME as SURVEY
from tunewright.data.survey import Survey
from tunewright.recipe.rules import RuleOptions

NAME = "checklist.json"
Status = Literal["pass", "warn", "fail"]
ADAPTER_ROWS, FULL_ROWS = 1_000, 10_000
ONE_FORM, DIFFERENT = 0.95, 0.5
TELLING = 0.8
LENGTH = "length bias of preference data: Singhal et al. 2023, A Long Way to Go; limit ours"
LEAST_TEST_ROWS = 30
S3_SIZES = "guide S3, dataset size guidelines"
S3_LIST = "guide S3, data quality checklist"
OURS = "our limit"


@dataclass(frozen=True)
class Finding:
    """What one rule says. `value` is what was measured, `limit` what it is compared with."""

    name: str
    status: Status
    value: float
    limit: float
    sentence: str
    source: str


@dataclass(frozen=True)
class Check:
    """A measured value and whether it meets the limit."""

    name: str
    met: bool
    value: float
    limit: float
    sentence: str
    source: str


def findings(version: DatasetVersion, found: Survey | None, *, rules: RuleOptions, method: str) -> list[Finding]:
    """What every rule that is not off and applies says of a data set; `method` is how the model is trained.

    `found` is None for data sets of earlier versions: rules on rows are left out.
    """
    checks = [*_of_receipt(version, rules, method=method, documents=found is not None and found.documents)]
    if found is not None:
        checks += _of_survey(version, found, rules)
    return [_judged(check, getattr(rules, check.name)) for check in checks if getattr(rules, check.name) != "off"]


def refuse(findings: Sequence[Finding]) -> None:
    """Raise LimitNotMet with every rule that is set to refuse and not met."""
    problems = [
        Problem(
            f"{finding.sentence}.",
            where=f"data.rules.{finding.name}",
            do="Mend the data, or write `warn` for this rule.",
        )
        for finding in findings
        if finding.status == "fail"
    ]
    if problems:
        error = LimitNotMet(problems[0].what, where=problems[0].where, do=problems[0].do)
        error.problems = tuple(problems)
        raise error


def read_survey(folder: Path) -> Survey | None:
    """The survey in a data set's folder; None where there is none that this version reads."""
    try:
        return Survey.model_validate_json((folder / SURVEY).read_bytes())
    except (OSError, ValidationError):
        return None


def write(folder: Path, found: Sequence[Finding]) -> None:
    """Put the findings beside the rows, for the method that was asked for last."""
    write_json(folder / NAME, [asdict(each) for each in found])


def read(folder: Path) -> list[Finding]:
    """Findings of a data set's folder; none where nobody has looked."""
    try:
        return [Finding(**each) for each in orjson.loads((folder / NAME).read_bytes())]
    except (OSError, ValueError, TypeError):
        return []


def _judged(check: Check, action: str) -> Finding:
    status: Status = "pass" if check.met else "fail" if action == "refuse" else "warn"
    return Finding(check.name, status, check.value, check.limit, check.sentence, check.source)


def _of_receipt(version: DatasetVersion, rules: RuleOptions, *, method: str, documents: bool) -> Iterator[Check]:
    receipt = version.receipt
    rows, train = receipt.rows, receipt.splits.get("train", 0)
    if not documents:
        wanted = rules.least_rows or (FULL_ROWS if method == "full" else ADAPTER_ROWS)
        sentence = f"{train:,} training rows; {wanted:,} are advised for the method {method}"
        yield Check("enough_rows", train >= wanted, train, wanted, sentence, OURS if rules.least_rows else S3_SIZES)
    if receipt.labels.get("train"):
        yield _balance(receipt.labels["train"], limit=rules.most_imbalance)
        noise = _share(sum(each.reasons.get(CONFLICTING, 0) for each in receipt.sources.values()), rows.in_)
        sentence = f"{noise:.1%} of rows have a prompt that also stands with another label"
        yield Check("label_noise", noise == 0, noise, 0.0, sentence, OURS)
    lost = _share(rows.quarantined + sum(rows.dropped.values()), rows.in_ + sum(rows.created.values()))
    sentence = f"{lost:.1%} of rows were set aside or dropped; {rules.most_lost:.1%} are expected at most"
    yield Check("losses", lost <= rules.most_lost, lost, rules.most_lost, sentence, OURS)


def _balance(labels: Mapping[str, int], *, limit: float) -> Check:
    common, rare = max(labels, key=lambda name: labels[name]), min(labels, key=lambda name: labels[name])
    ratio = labels[common] / labels[rare] if labels[rare] else float(labels[common])
    sentence = f"label {common!r} is {ratio:.1f} times as common as {rare!r}; {limit:g} times are expected at most"
    return Check("balance", ratio <= limit, ratio, limit, sentence, S3_LIST)


def _of_survey(version: DatasetVersion, found: Survey, rules: RuleOptions) -> Iterator[Check]:
    sentence = f"{found.repeated:,} of {found.train:,} training rows stand there before"
    yield Check("deduplicated", not found.repeated, found.repeated, 0, sentence, S3_LIST)
    yield _split_sound(version, found)
    if found.documents or not found.sampled:
        return
    yield from _of_worth(found, limit=rules.most_imbalance)
    main, count = max(found.forms.items(), key=lambda each: each[1])
    share = _share(count, found.sampled)
    sentence = (
        f"{share:.1%} of rows have the form {main}, of {len(found.forms)} in all; {ONE_FORM:.0%} should share one"
    )
    yield Check("consistent_format", share >= ONE_FORM, share, ONE_FORM, sentence, S3_LIST)
    yield _diversity(found)
    usual = _share(found.usual_lengths, found.sampled)
    if not version.labels:
        sentence = f"{usual:.1%} of conversations have 10 to 500 words; {DIFFERENT:.0%} should"
        yield Check("lengths", usual >= DIFFERENT, usual, DIFFERENT, sentence, "guide S3, score of data quality")


def _of_worth(found: Survey, *, limit: float) -> Iterator[Check]:
    """Good and bad answers, and whether length alone tells the one that won."""
    if found.good + found.bad:
        most, least = max(found.good, found.bad), min(found.good, found.bad)
        ratio = most / least if least else float(most)
        sentence = f"{found.good:,} answers count as good and {found.bad:,} as bad"
        sentence += f"; one may be {limit:g} times as common as the other"
        yield Check("balance", ratio <= limit, ratio, limit, sentence, OURS)
    if found.pairs:
        share = found.longer / found.pairs
        sentence = (
            f"in {share:.1%} of pairs the answer that won is the longer one; beyond {TELLING:.0%} length tells it"
        )
        yield Check("balance", 1 - TELLING <= share <= TELLING, share, TELLING, sentence, LENGTH)


def _diversity(found: Survey) -> Check:
    prompts = _share(found.prompts, found.train)
    answers = _share(found.answers, found.unlabelled)
    shares = [(prompts, "prompts")] if 2 * found.compared < found.sampled else []  # compared answers share theirs
    shares += [(answers, "answers")] if found.unlabelled else []
    share, what = min(shares, default=(prompts, "prompts"))
    sentence = f"{share:.1%} of {what} differ from all others; {DIFFERENT:.0%} should"
    return Check("diversity", share >= DIFFERENT, share, DIFFERENT, sentence, f"{S3_LIST}; share ours")


def _split_sound(version: DatasetVersion, found: Survey) -> Check:
    receipt = version.receipt
    test, validation = (receipt.splits.get(split, 0) for split in ("test", "validation"))
    leaked = sum(found.leaked.values())
    labels = receipt.labels
    unseen = sorted(set(labels.get("test", {})) - set(labels.get("train", {})))
    problems = [
        *([f"{leaked:,} rows of validation and test are trained on"] if leaked else []),
        *(["no row is left for validation"] if not validation else []),
        *([f"{test:,} test rows; fewer than {LEAST_TEST_ROWS} measure little"] if test < LEAST_TEST_ROWS else []),
        *([f"label {unseen[0]!r} of the test is never trained"] if unseen else []),
    ]
    sentence = "; ".join(problems) or f"{validation:,} validation and {test:,} test rows, none of them trained on"
    return Check("split_sound", not problems, test, LEAST_TEST_ROWS, sentence, f"{S3_LIST}; number ours")


def _share(part: float, whole: float) -> float:
    return part / whole if whole else 0.0


def as_json(found: Sequence[Finding]) -> list[dict[str, Any]]:
    """Findings for `--json`."""
    return [asdict(each) for each in found]
