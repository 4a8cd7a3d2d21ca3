"""What `tunewright models` found, for people and as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.text import Text

from tunewright.app.cli import out, tables
from tunewright.app.cli.phrases import clean, size
from tunewright.core.digest import short

if TYPE_CHECKING:
    from tunewright.app.models import Listed, Written
    from tunewright.app.pushing import Parcel
    from tunewright.models.card.story import Story
    from tunewright.models.push import Pushed

SMALL_BYTES = 1_000_000


def show(action: str, found: Any) -> None:
    """What an action found or did."""
    _KINDS[action](found)


def document(action: str, found: Any) -> dict[str, Any]:
    """The same as JSON."""
    return _DOCUMENTS[action](found)


def shelf(listed: list[Listed]) -> None:
    """Every model in a line."""
    if not listed:
        out.say("No models here yet. Train one: tunewright train PATH")
        return
    table = tables.grid(
        "Models", "name", "recipe", "made", "method", "base", "form", "made from", "forms", "evaluations", "size"
    )
    for place in range(1, 8):
        table.columns[place].justify = "left"
    for one in listed:
        table.add_row(*_line(one), style="red" if one.entry.problem else None)
    tables.console().print(table)
    out.say("More: tunewright models show NAME")


def _line(one: Listed) -> list[str]:
    entry, version = one.entry, one.entry.version
    recipes, measured = clean(", ".join(one.recipes)), str(one.evaluations or "")
    if version is None:
        return [
            short(entry.name),
            recipes,
            "",
            f"damaged: {entry.problem}",
            "",
            "",
            "",
            "",
            measured,
            _bytes(one.bytes),
        ]
    parents = ", ".join(short(each) for each in version.parents[: _from(version.form)])
    made, forms = version.made_at[:16], ", ".join(one.forms)
    base = clean(version.base.rsplit("/", 1)[-1] if version.base.startswith("/") else version.base)
    return [
        short(entry.name),
        recipes,
        made,
        version.method,
        base,
        version.form,
        parents,
        forms,
        measured,
        _bytes(one.bytes),
    ]


def _from(form: str) -> int | None:
    """How many parents are models: all of a combination, the first of another form, none of what training wrote."""
    return None if form.startswith("combined") else 1 if form else 0


def shown(story: Story) -> None:
    """One model in full."""
    version = story.version
    facts = {
        "name": version.name,
        "made": version.made_at,
        "base": version.base,
        "licence of the base": f"{story.licence.name} (as {story.licence.said_by} says)" if story.licence else "",
        "method": version.method,
        "form": version.form,
        "parents": ", ".join(short(each) for each in version.parents),
        "trained parameters": f"{version.trained_parameters:,}",
        "weights, products": f"{version.numbers.weights}, {version.numbers.products}",
        "runs": ", ".join(short(run.key) for run in story.runs),
        "data set": short(story.dataset.name) if story.dataset else "",
        "folder": out.shown(story.folder),
    }
    _pairs(f"Model {story.title}", facts)
    _pairs("Files", {name: f"{count:,} bytes" for name, count in story.files.items()})
    for one in story.evaluations:
        gates = one.verdict.gates if one.verdict else ()
        state = f"gates {'met' if one.verdict.passed else 'NOT met'}" if one.verdict and gates else "no gates"
        out.say(f"Evaluation {short(one.evaluation.key)} on {one.evaluation.split}: {state}")
    for each in story.forms:
        state = "refused" if each.proof.problems else short(each.proof.name) if each.version else "deleted"
        out.say(f"Form {each.proof.form}: {state}, mean KL {each.proof.kl_mean:.2g} (at most {each.proof.limit:.2g})")


def _pairs(title: str, values: dict[str, str]) -> None:
    table = tables.grid(title, "", "")
    for column in table.columns:
        column.justify, column.overflow = "left", "fold"
    for name, value in values.items():
        if value:
            table.add_row(clean(name), Text(clean(value)))
    tables.console().print(table)


def written(done: Written) -> None:
    """Where a document lies."""
    out.say(out.shown(done.path))


def before(parcel: Parcel, *, public: bool) -> None:
    """What leaves this machine, before it does; on standard error, where progress goes."""
    kind = "public" if public else "private"
    out.warn(f"For {parcel.repository} ({kind}), {_bytes(sum(parcel.sizes.values()))}:")
    for name, count in parcel.sizes.items():
        out.warn(f"  {name}  {_bytes(count)}")
    if parcel.left:
        out.warn(f"Stays here: {', '.join(parcel.left)}")


def pushed(done: Pushed) -> None:
    """Where it is now."""
    if not done.address:
        out.say("Nothing was sent (--dry-run).")
        return
    out.say(f"Sent {len(done.files)} files to {done.repository}: {done.address}")


def _bytes(count: int) -> str:
    return size(count) if count >= SMALL_BYTES else f"{count / 1e3:.1f} kB"


def _shelf_document(listed: list[Listed]) -> dict[str, Any]:
    return {
        "models": [
            {
                "model": one.entry.name,
                "problem": one.entry.problem,
                "recipes": list(one.recipes),
                "version": one.entry.version.model_dump(mode="json") if one.entry.version else None,
                "forms": list(one.forms),
                "evaluations": one.evaluations,
                "bytes": one.bytes,
            }
            for one in listed
        ]
    }


def _story_document(story: Story) -> dict[str, Any]:
    return {
        "model": story.version.name,
        "title": story.title,
        "folder": str(story.folder),
        "version": story.version.model_dump(mode="json"),
        "licence": story.licence.name if story.licence else None,
        "runs": [run.key for run in story.runs],
        "dataset": story.dataset.name if story.dataset else None,
        "files": dict(story.files),
        "evaluations": [
            {
                "evaluation": one.evaluation.key,
                "split": one.evaluation.split,
                "passed": one.verdict.passed if one.verdict and one.verdict.gates else None,
            }
            for one in story.evaluations
        ],
        "forms": [
            {"form": each.proof.form, "model": each.proof.name if each.version else None, "passed": each.proof.passed}
            for each in story.forms
        ],
        "proof": story.proof.model_dump(mode="json") if story.proof else None,
    }


def _written_document(done: Written) -> dict[str, Any]:
    return {"model": done.model, "path": str(done.path)}


def _pushed_document(done: Pushed) -> dict[str, Any]:
    return {
        "repository": done.repository,
        "files": dict(done.files),
        "public": done.public,
        "sent": bool(done.address),
        "address": done.address or None,
    }


_KINDS = {"list": shelf, "show": shown, "card": written, "bom": written, "push": pushed}
_DOCUMENTS = {
    "list": _shelf_document,
    "show": _story_document,
    "card": _written_document,
    "bom": _written_document,
    "push": _pushed_document,
}
