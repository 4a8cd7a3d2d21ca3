"""Numbers and texts as people read them."""

from __future__ import annotations

from collections.abc import Mapping

from tunewright.core import events


def duration(seconds: float) -> str:
    """'7 s', '3 min 05 s', '2 h 10 min'."""
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def size(count: float) -> str:
    """Bytes in powers of ten: '1.62 GB'."""
    return f"{count / 1e9:.2f} GB" if count >= 1e9 else f"{count / 1e6:.0f} MB"


def clean(text: str, *, keep: str = "") -> str:
    """A text without control characters: what a model writes may not steer the terminal."""
    return "".join(char if char.isprintable() or char in keep else " " for char in text)


def short(text: str, length: int = 200) -> str:
    """A text on one line, cut."""
    line = clean(text)
    return line if len(line) <= length else line[: length - 1] + "…"


def metrics(values: Mapping[str, float]) -> str:
    """What an objective measured besides its loss: shares as such, other numbers as they are."""
    told = ((name.replace("_", " "), value) for name, value in values.items())
    return "".join(
        f", {name} {value:.1%}" if name.endswith("accuracy") else f", {name} {value:.4f}" for name, value in told
    )


def step(event: events.StepDone) -> str:
    """One step with its numbers."""
    return (
        f"step {event.step}/{event.total_steps}  loss {event.loss:.4f}  rate {event.learning_rate:.2e}  "
        f"gradient {event.gradient_norm:.3f}  {event.tokens_per_s:.0f} tokens/s  {size(event.memory_bytes)}  "
        f"{duration(event.left_s)} left"
    )


def counted(event: events.Progress) -> str:
    """How far a stage is."""
    of = f" of {event.total:,}" if event.total is not None else ""
    return f"{event.stage}: {event.done:,}{of} {event.unit}"


def sentence(event: events.Event) -> str:
    """An event that happens seldom, as a line; empty for those that need none."""
    match event:
        case events.StageStarted():
            return f"{event.stage} begins"
        case events.StageSkipped():
            return f"{event.stage}: nothing has changed, {event.name[:12]} stands"
        case events.StageDone():
            return f"{event.stage}: done in {duration(event.seconds)}, {event.name[:12]}"
        case events.Note():
            return clean(event.text)
        case events.RunResolved():
            return "using " + ", ".join(f"{key} {value}" for key, value in event.used.items())
        case events.RunResumed():
            return f"going on after step {event.step}"
        case events.Validated():
            return f"step {event.step}: validation loss {event.loss:.4f}{metrics(event.metrics)}"
        case events.GuardActed():
            did = "its batch is left out" if event.back_to is None else f"back to step {event.back_to}, lower rate"
            return f"step {event.step}: {event.why}; {did} (decision {event.number}; rows {', '.join(event.rows[:3])})"
        case events.StoppedEarly():
            return f"step {event.step}: nothing gained since step {event.best_step}; training ends here"
        case events.Sampled():
            asked, expected = short(event.prompt, 80), short(event.expected, 80)
            return f"step {event.step}: {asked} → {short(event.answer)} (data: {expected})"
        case events.CheckpointRefused():
            return f"the checkpoint of step {event.step} is refused: {event.why}"
        case _:
            return ""
