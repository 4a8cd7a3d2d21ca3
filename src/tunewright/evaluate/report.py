"""The report: one HTML file that opens anywhere, for the person who decides and for the one who audits.

Beside it the same as Markdown, for reviews and wikis, and as JSON, for programs.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from tunewright.core.events import Event, StepDone, Validated
from tunewright.core.markdown import cell
from tunewright.core.nouns import DatasetVersion, Evaluation, LabelScore, Noun, Run, Verdict
from tunewright.core.workspace import write_bytes
from tunewright.evaluate import findings, pictures, titles, words
from tunewright.evaluate.findings import Decision

FOLDER = "pages"
PAGE, TEXT = "report.html.j2", "report.md.j2"
MOST_CONFUSIONS = 5


@dataclass(frozen=True)
class ReportContent:
    """What a report is made of. `events` are those that still stand (`core.events.standing`); `versions` package
    versions of the machine that trained; `command` makes the same report again."""

    recipe: Mapping[str, Any]
    dataset: DatasetVersion
    run: Run | None
    evaluation: Evaluation | None
    events: Sequence[Event]
    title: str
    command: str
    verdict: Verdict | None = None
    versions: Mapping[str, str] = field(default_factory=dict)


def write_report(path: Path, *, content: ReportContent) -> Path:
    """Write the report as one file without any outside reference, and beside it `.md` and `.json`; returns the first.

    Raises OutsideError when the disk refuses.
    """
    view = _view(content)
    for ending, text in ((".md", markdown(content, view)), (".json", as_json(content, view["told"].decision))):
        write_bytes(path.with_suffix(ending), text.encode("utf-8", "replace"))
    write_bytes(path, html(content, view).encode("utf-8", "replace"))
    return path


def html(content: ReportContent, view: Mapping[str, Any] | None = None) -> str:
    """The page. Text from rows and recipes is escaped by the template, never trusted."""
    return page_environment(autoescape=True).get_template(PAGE).render(**(view or _view(content)))


def markdown(content: ReportContent, view: Mapping[str, Any] | None = None) -> str:
    """The same without pictures, as Markdown tables. Text from rows cannot end a cell or begin a tag."""
    environment = page_environment(autoescape=False)
    environment.filters["cell"] = cell
    return environment.get_template(TEXT).render(**(view or _view(content)))


def as_json(content: ReportContent, decision: Decision) -> str:
    """The records behind the report, whole, and its decision in words."""
    document = {
        "title": content.title,
        "decision": {"state": decision.state, "title": decision.title, "why": list(decision.sentences)},
        "summary": summary(content),
        "command": content.command,
        "recipe": content.recipe,
        "versions": content.versions,
        "verdict": _dumped(content.verdict),
        "evaluation": _dumped(content.evaluation),
        "run": _dumped(content.run),
        "dataset": _dumped(content.dataset),
    }
    return json.dumps(document, indent=1, ensure_ascii=False, default=str) + "\n"


def _dumped(noun: Noun | None) -> Any:
    return None if noun is None else noun.model_dump(mode="json", by_alias=True)


def page_environment(*, autoescape: bool) -> jinja2.Environment:
    """Where templates of pages are found, with the words that they use."""
    places = [resources.files(room) / FOLDER for room in ("tunewright.evaluate", "tunewright.core")]
    environment = jinja2.Environment(
        autoescape=autoescape,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        loader=jinja2.ChoiceLoader(
            [jinja2.FunctionLoader(lambda name, place=place: _text(place / name)) for place in places]
        ),
    )
    environment.globals |= {"words": words, "titles": titles}
    return environment


def _text(file: Traversable) -> str | None:
    return file.read_text(encoding="utf-8") if file.is_file() else None


def _view(content: ReportContent) -> dict[str, Any]:
    evaluation, receipt = content.evaluation, content.dataset.receipt
    found = words.headline(evaluation) if evaluation else None
    return {
        "content": content,
        "recipe_text": json.dumps(content.recipe, indent=1, ensure_ascii=False, default=str),
        "summary": summary(content),
        "asked": asked(content),
        "receipt": receipt,
        "headline": found,
        "told": findings.findings(evaluation, content.verdict),
        "used": list(content.run.used.items()) if content.run else [],
        "pictures": _data_pictures(content) | _training_pictures(content.events),
        "gain": pictures.gain(found) if found and found.comparison.tuned is not None else None,
        "matrices": _matrices(evaluation) if evaluation else [],
        "confusions": _confusions(evaluation) if evaluation else [],
        "by_label": _by_label(evaluation) if evaluation else [],
        "shown_way": _shown_way(evaluation) if evaluation else "",
        "audit": _audit(content),
    }


def summary(content: ReportContent) -> list[str]:
    """What was asked, what came out and whether it is real, a sentence or more each."""
    evaluation, run = content.evaluation, content.run
    lines = [_deed(content)] if run else ["No model was trained in this report."]
    if evaluation is None:
        return [*lines, "Nothing was measured yet."]
    found = words.headline(evaluation)
    return [*lines, words.outcome(found, split=evaluation.split)] if found else lines


def _deed(content: ReportContent) -> str:
    run, rows = content.run, content.dataset.receipt.splits.get("train", 0)
    assert run is not None
    model = _at(content.recipe, "model", "name") or run.model.base
    classes = f" to tell {len(content.dataset.labels)} labels apart" if content.dataset.labels else ""
    return (
        f"The model {model} was fine-tuned on {rows:,} examples{classes}, in {run.steps:,} steps and "
        f"{words.duration(run.train_s)} of training."
    )


def asked(content: ReportContent) -> list[tuple[str, str]]:
    """The essentials of the recipe, in the order of the work."""
    recipe = content.recipe
    steps, epochs = _at(recipe, "training", "max_steps"), _at(recipe, "training", "epochs")
    passes = f"{_plain(epochs)} {'pass' if epochs == 1 else 'passes'} over the rows" if epochs else ""
    lines = [
        ("Base model", _plain(_at(recipe, "model", "name"))),
        ("Training rows", _plain(_at(recipe, "data", "train", "path"))),
        ("Form of a row", content.dataset.shape),
        ("Method", _part(_at(recipe, "method"))),
        ("Objective", _part(_at(recipe, "objective"))),
        ("Length", f"{steps} steps" if steps else passes),
        ("Examples a step", _plain(_at(recipe, "training", "batch_size"))),
        ("Learning rate", _rate(content)),
        ("Schedule", _part(_at(recipe, "training", "schedule"))),
        ("Optimiser", _part(_at(recipe, "training", "optimiser"))),
        ("Seed", _plain(_at(recipe, "training", "seed"))),
    ]
    return [(name, value) for name, value in lines if value]


def _rate(content: ReportContent) -> str:
    """What was asked, and what it became where that is something else."""
    told = _plain(_at(content.recipe, "training", "learning_rate"))
    used = content.run.used.get("learning_rate") if content.run else None
    return f"{told}, which became {used:g}" if told == "auto" and isinstance(used, int | float) else told


def _at(tree: Any, *path: str) -> Any:
    """A value below a mapping, or None."""
    for key in path:
        tree = tree.get(key) if isinstance(tree, Mapping) else None
    return tree


def _plain(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:g}"
    return ", ".join(map(_plain, value)) if isinstance(value, list | tuple) else str(value)


def _part(value: Any) -> str:
    """A part with its keys: "lora (rank 16, alpha 32)"."""
    if not isinstance(value, Mapping):
        return _plain(value)
    keys = [
        f"{key.replace('_', ' ')} {_plain(item)}"
        for key, item in value.items()
        if key not in ("type", "version") and item not in (None, "", [], ()) and not isinstance(item, Mapping)
    ]
    return f"{value.get('type', '')} ({', '.join(keys)})" if keys else str(value.get("type", ""))


def _data_pictures(content: ReportContent) -> dict[str, Markup | None]:
    receipt, limit = content.dataset.receipt, content.dataset.max_tokens
    height = min(3.2, pictures.label_height_inch(receipt))
    return {
        "fates": pictures.fates(receipt) if receipt.sources else None,
        "lengths": pictures.lengths(receipt, max_tokens=limit, height_inch=height) if receipt.lengths else None,
        "balance": pictures.balance(receipt) if receipt.labels else None,
    }


def _training_pictures(events: Sequence[Event]) -> dict[str, Markup | None]:
    steps = [event for event in events if isinstance(event, StepDone)]
    validated = [event for event in events if isinstance(event, Validated)]
    return {
        "loss": pictures.loss_curve(steps, validated) if steps else None,
        "curves": pictures.small_curves(steps) if steps else None,
    }


def _shown_way(evaluation: Evaluation) -> str:
    """The way whose confusion is shown: generated answers, else the first."""
    ways = [name.rpartition(".")[0] for name in evaluation.confusion]
    return "labels_generated" if "labels_generated" in ways else (ways[0] if ways else "")


def _matrices(evaluation: Evaluation) -> list[Markup]:
    """Tuned and base side by side; none for more labels than can be read."""
    if not 0 < len(evaluation.labels) <= pictures.MOST_LABELS:
        return []
    way = _shown_way(evaluation)
    wanted = ((f"{way}.tuned", "Tuned model"), (_base_matrix(evaluation, way), "Base model at its best"))
    return [
        pictures.confusion(evaluation.confusion[name], evaluation.labels, name=name, title=title)
        for name, title in wanted
        if name in evaluation.confusion
    ]


def _base_matrix(evaluation: Evaluation, way: str) -> str:
    """The name of the matrix of the base's best chance, where the evaluation says which that is."""
    best, _, prompt = evaluation.base_prompts.get("labels_best", f"{way}, ").partition(", ")
    own = not prompt or evaluation.base_prompts.get(best, prompt) == prompt
    return f"{best}.base" if own else f"{best}.base_same_prompt"


def _confusions(evaluation: Evaluation) -> list[tuple[str, str, int]]:
    """(true, answered, rows) of the tuned model's most frequent mistakes."""
    matrix = evaluation.confusion.get(f"{_shown_way(evaluation)}.tuned", [])
    names = [*evaluation.labels, "no known label"]
    wrong = [
        (evaluation.labels[line], names[column], rows)
        for line, counts in enumerate(matrix)
        for column, rows in enumerate(counts)
        if rows and line != column
    ]
    return sorted(wrong, key=lambda mistake: (-mistake[2], mistake[0], mistake[1]))[:MOST_CONFUSIONS]


def _by_label(evaluation: Evaluation) -> list[tuple[LabelScore, float | None]]:
    """Each label's scores of the judged model, the lowest F1 first, with the F1 of the base at its best."""
    way = _shown_way(evaluation)
    judged = evaluation.by_label.get(f"{way}.tuned", evaluation.by_label.get(f"{way}.base", ()))
    base = {one.label: one.f1 for one in evaluation.by_label.get(_base_matrix(evaluation, way), ())}
    return sorted(((one, base.get(one.label)) for one in judged), key=lambda pair: (pair[0].f1, pair[0].label))


def _audit(content: ReportContent) -> list[tuple[str, str]]:
    """Names and digests, whole, so that they can be compared."""
    dataset, run, evaluation = content.dataset, content.run, content.evaluation
    lines = [("Dataset", dataset.name), ("Chat template and tokenizer", dataset.chat_digest)]
    lines += [
        (f"File {name.rsplit('/', 1)[-1]}", source.digest)
        for name, source in dataset.receipt.sources.items()
        if source.digest
    ]
    if run:
        lines += [
            ("Run", run.name),
            ("Run, key", run.key),
            ("Model", run.model.name),
            ("Base model", run.model.base_digest),
        ]
        lines += [("Trained at", run.made_at), ("Times resumed", str(run.resumed))]
    if evaluation:
        lines += [
            ("Evaluation", evaluation.name),
            ("Evaluation, key", evaluation.key),
            ("Measured at", evaluation.made_at),
        ]
    return [(name, value) for name, value in lines if value]
