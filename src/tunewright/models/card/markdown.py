"""A model card as hubs read it: a YAML block for machines, then Markdown for people; rendered without a network."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from huggingface_hub import EvalResult, ModelCard, ModelCardData

from tunewright.core.nouns import Comparison, GateResult, Run
from tunewright.models.card.limits import limits
from tunewright.models.card.loading import Loading, loading
from tunewright.models.card.story import Measured, Story, public_name, public_options

HERE = "."
SHOWN_EVALUATIONS = 4
PARTS = ("method", "objective", "training", "model")
HUB_SOURCE = "hub:"


def card(story: Story, *, place: str = HERE) -> str:
    """The card of a version that lies at `place`: its own folder, or the name of a repository."""
    how = loading(story, place=place)
    return str(ModelCard(f"---\n{_data(story, how).to_yaml()}\n---\n\n{_body(story, how)}"))


def _data(story: Story, how: Loading) -> ModelCardData:
    """What machines read. Names that a hub would not know are left out."""
    base, run = story.hub_base, story.run
    sources = story.dataset.receipt.sources if story.dataset else {}
    known = sorted({"/".join(name.removeprefix(HUB_SOURCE).split("/")[:2]) for name in sources if _on_hub(name)})
    objective = str(run.recipe.get("objective", {}).get("type", "")) if run else ""
    tags = ["tunewright", story.version.method, objective, story.version.form]
    results = [result for one in story.evaluations[:1] for result in _results(one, story)]
    return ModelCardData(
        base_model=base[0] if base else None,
        datasets=known or None,
        library_name=how.library,
        pipeline_tag=None if story.head else "text-generation",
        tags=[tag for tag in dict.fromkeys(tags) if tag],
        model_name=story.title if results else None,
        eval_results=results or None,
    )


def _on_hub(name: str) -> bool:
    return name.startswith(HUB_SOURCE) and name.count("/") >= 1


def _results(one: Measured, story: Story) -> Iterator[EvalResult]:
    """The tuned model's numbers of an evaluation."""
    evaluation = one.evaluation
    for way, metrics in evaluation.suites.items():
        for metric, found in metrics.items():
            if found.tuned is not None:
                yield EvalResult(
                    task_type="text-generation",
                    task_name=way.replace("_", " "),
                    dataset_type=evaluation.dataset[:12] or way,
                    dataset_name=f"{way} of {story.title}",
                    dataset_config=way,  # results of one task and data set are one result, however they were asked
                    dataset_split=evaluation.split,
                    metric_type=metric,
                    metric_value=found.tuned,
                )


def _body(story: Story, how: Loading) -> str:
    sections = [
        f"# {_plain(story.title)}\n",
        _summary(story),
        _how(how),
        _made_from(story),
        _training(story),
        _evaluations(story),
        _forms(story),
        _section("Limits", [f"- {_plain(each)}" for each in limits(story)]),
        _digests(story),
    ]
    return "\n".join(filter(None, sections))


def _summary(story: Story) -> str:
    version = story.version
    made = f"of the form `{version.form}`" if version.form else f"trained with the method `{version.method}`"
    lines = [f"A model {made}, over `{story.base_name}`."]
    lines.append("Everything below was written down while it was made; what nobody recorded is not said.\n")
    return "\n".join(lines)


def _how(how: Loading) -> str:
    code = [f"```{how.language}", how.code.rstrip(), "```"] if how.code else []
    return _section("How to load it", [*code, *([how.note] if how.note else [])])


def _made_from(story: Story) -> str:
    version, data = story.version, story.dataset
    rows = [("base", f"`{story.base_name}`"), ("digest of the base", f"`{version.base_digest[:12]}`")]
    if story.licence:
        rows.append(("licence of the base", f"{story.licence.name} (as {story.licence.said_by} says)"))
    if version.template:
        rows.append(("chat template", f"`{public_name(version.template)}`"))
    if version.added_tokens:
        rows.append(("added tokens", str(len(version.added_tokens))))
    if data is not None:
        receipt = data.receipt
        counts, tokens = receipt.rows, receipt.tokens
        dropped = sum(counts.dropped.values())
        rows += [
            ("data set", f"`{data.name[:12]}` of the shape {data.shape}"),
            ("rows read", f"{counts.in_:,}"),
            ("rows made by steps", f"{sum(counts.created.values()):,}"),
            ("rows kept", f"{counts.kept:,}"),
            (
                "rows not kept",
                f"{counts.duplicate:,} duplicate, {counts.quarantined:,} quarantined, {dropped:,} dropped",
            ),
            ("rows by split", ", ".join(f"{name} {count:,}" for name, count in receipt.splits.items())),
            ("tokens", f"{tokens.kept:,}, of which {tokens.trained:,} are learned from"),
            ("tokens cut off", f"{tokens.truncated:,} of {receipt.truncated_rows:,} rows"),
            ("labels", str(len(data.labels)) if data.labels else ""),
            ("sources", ", ".join(f"`{public_name(name)}`" for name in receipt.sources)),
            ("steps of preparation", ", ".join(str(step.get("type", "")) for step in data.steps)),
        ]
    return _section("What it was made from", _table(("", ""), [row for row in rows if row[1]]))


def _training(story: Story) -> str:
    """Of one run what was asked and what was used; of several, which they were."""
    if not story.runs:
        return ""
    if story.run is None:
        rows = [(f"`{run.name[:12]}`", run.recipe.get("name", ""), f"{run.steps:,}") for run in story.runs]
        return _section("Trained models that it was made of", _table(("model", "recipe", "steps"), rows))
    run = story.run
    lines = [*_table(("what happened", ""), list(_happened(run, story))), ""]
    lines += _table(("option", "asked", "used"), list(_options(run)))
    return _section("Training", lines)


def _happened(run: Run, story: Story) -> Iterator[tuple[str, str]]:
    yield "steps", f"{run.steps:,}" + (f", stopped early at {run.stopped_early_at:,}" if run.stopped_early_at else "")
    yield "trained parameters", f"{story.version.trained_parameters:,}"
    yield "tokens", f"{run.tokens:,}, of which {run.trained_tokens:,} were learned from"
    yield "loss at the end", f"{run.loss:.4f}"
    if run.validation_loss is not None:
        yield "validation loss", f"{run.validation_loss:.4f}"
    yield "time", f"{run.train_s:,.0f} s, {run.tokens_per_s:,.0f} tokens/s"
    yield "largest memory", f"{run.peak_memory_bytes / 1e9:.2f} GB"
    yield (
        "device",
        ", ".join(f"{run.used[key]} {key}" if key != "device" else str(run.used[key]) for key in _hardware(run)),
    )
    if "torch" in story.machine:
        yield "torch", str(story.machine["torch"])
    if run.resumed:
        yield "continued", f"{run.resumed} times"
    if run.guard_decisions:
        yield "decisions of the guard", f"{run.guard_decisions}: batches left out, and returns to a checkpoint"


def _hardware(run: Run) -> list[str]:
    return [key for key in ("device", "threads", "processes") if key in run.used]


def _options(run: Run) -> Iterator[tuple[str, str, str]]:
    """Options as the recipe had them, and beside them what this machine made of it."""
    used = {name: str(value) for name, value in run.used.items()}
    for part in PARTS:
        options = run.recipe.get(part) or {}
        if part in ("method", "objective"):
            yield part, str(options.get("type", "")), ""
        asked = dict(public_options(options))
        for name, value in asked.items():
            if part == "model" and name not in ("weights", "precision", "double_quantisation"):
                continue
            yield f"{part}.{name}", value, used.pop(name, "") if part in ("training", "model") else ""
    for name, value in used.items():
        if name not in ("device", "threads", "processes"):
            yield name, "", value


def _evaluations(story: Story) -> str:
    lines: list[str] = []
    for one in story.evaluations[:SHOWN_EVALUATIONS]:
        lines += _evaluation(one)
    if len(story.evaluations) > SHOWN_EVALUATIONS:
        lines.append(f"{len(story.evaluations) - SHOWN_EVALUATIONS} older evaluations are not shown.")
    if lines and story.version.form and not story.version.form.startswith("combined"):
        lines.insert(0, "These were measured on the trained model that this form was made from.\n")
    return _section("Evaluation", lines)


def _evaluation(one: Measured) -> list[str]:
    found = one.evaluation
    data = f" of data set `{found.dataset[:12]}`" if found.dataset else ""
    lines = [f"### {found.made_at[:10]}: split {found.split}{data}\n"]
    rows = [
        (f"{way}: {metric}", *_metric(each))
        for way, metrics in found.suites.items()
        for metric, each in metrics.items()
    ]
    lines += _table(("metric", "base", "tuned", "difference", "95 % interval", "p (Holm)", "rows"), rows)
    if one.verdict and one.verdict.gates:
        passed = "met" if one.verdict.passed else "NOT met"
        lines += ["", f"Gates of the recipe, as they were decided: {passed}.\n"]
        lines += _table(("gate", "value", "bound", "limit", "decided"), [_gate(gate) for gate in one.verdict.gates])
    return [*lines, ""]


def _metric(found: Comparison) -> tuple[str, ...]:
    interval = f"{found.interval[0]:+.4f} to {found.interval[1]:+.4f}" if found.interval else ""
    p = "" if found.p_holm is None else f"{found.p_holm:.2g}"
    difference = "" if found.difference is None else f"{found.difference:+.4f}"
    return _number(found.base), _number(found.tuned), difference, interval, p, f"{found.n:,}"


def _gate(gate: GateResult) -> tuple[str, ...]:
    decided = "met" if gate.passed else "not met"
    return gate.rule, _number(gate.value), _number(gate.bound), _number(gate.limit), decided


def _forms(story: Story) -> str:
    """The proof of this form, or those of the forms that were made from this model."""
    forms = [(each.proof, each.version is not None) for each in story.forms]
    proofs = [*([(story.proof, True)] if story.proof else []), *forms]
    rows = [
        (
            f"`{proof.form}`",
            "kept" if kept else "refused" if proof.problems else "deleted",
            f"{proof.kl_mean:.2g}",
            f"{proof.limit:.2g}",
            f"{proof.kl_max:.2g}",
            f"{proof.loss_difference:+.2g}",
            f"{100 * proof.greedy_agreement:.1f} %",
            f"{proof.positions:,}",
            _score(proof.metric, proof.score),
            f"{proof.bytes / 1e6:,.0f} MB",
        )
        for proof, kept in proofs
    ]
    columns = ("form", "", "mean KL", "limit", "largest KL", "loss", "same token", "positions", "answers", "size")
    title = "Proof of this form" if story.proof else "Exported forms and their proofs"
    lines = _table(columns, rows) if rows else []
    if rows:
        lines += ["", "Against the trained model on held-out rows; KL in nats of next-token distributions."]
    return _section(title, lines)


def _score(metric: str, found: Comparison | None) -> str:
    if found is None:
        return ""
    interval = f" ({found.interval[0]:+.3f} to {found.interval[1]:+.3f})" if found.interval else ""
    return f"{metric} {_number(found.base)} to {_number(found.tuned)}{interval}"


def _digests(story: Story) -> str:
    version = story.version
    rows = [
        ("this model", version.name),
        ("base", version.base_digest),
        ("tokenizer and template", version.chat_digest),
    ]
    rows += [("run", run.key) for run in story.runs]
    rows += [("data set", story.dataset.name)] if story.dataset else []
    return _section("Digests (SHA-256)", _table(("", ""), [(name, f"`{value}`") for name, value in rows]))


def _section(title: str, lines: Sequence[str]) -> str:
    return "\n".join([f"## {title}\n", *lines, ""]) if lines else ""


def _table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> list[str]:
    ruled = [f"| {' | '.join(head)} |", f"|{' --- |' * len(head)}"]
    return [*ruled, *(f"| {' | '.join(_plain(str(cell)) for cell in row)} |" for row in rows)]


def _plain(text: str) -> str:
    """One line that cannot end a cell or begin a tag."""
    return " ".join(text.replace("|", "\\|").replace("<", "&lt;").split())


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4g}"
