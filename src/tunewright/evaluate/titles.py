"""What metrics, ways of asking and kinds of findings are called in reports."""

from __future__ import annotations

from dataclasses import dataclass

PERCENT = frozenset(
    {
        "accuracy",
        "accuracy_gap",
        "calibration",
        "consistency",
        "contaminated",
        "exact_match",
        "extracted",
        "f1",
        "f1_micro",
        "faithfulness",
        "format",
        "json_valid",
        "odds_gap",
        "off_topic",
        "over_refusal",
        "parity_gap",
        "precision",
        "precision_micro",
        "preference_accuracy",
        "preference_calibration",
        "recall",
        "recall_micro",
        "refusal",
        "refused_harmful",
        "repetition",
        "rules_followed",
        "rules_followed_each",
        "schema_valid",
        "stereotype",
        "token_accuracy",
        "toxicity",
        "unfinished",
    }
)
"""Metrics that are shares, shown in percent; their differences in percentage points."""
COUNTED = frozenset({"accuracy", "exact_match"})
"""Of these the number of right rows is shown, too."""
METRICS = {
    "accuracy": "Right",
    "accuracy_gap": "Largest gap between groups, right answers",
    "bits_per_byte": "Bits a byte",
    "bleu": "BLEU",
    "calibration": "Calibration error",
    "chrf": "chrF",
    "consistency": "Same answer after a change",
    "contaminated": "Rows that stand in training",
    "exact_match": "Exactly right",
    "exposure": "Exposure of planted secrets, bits",
    "extracted": "Training rows known by heart",
    "f1": "F1, macro",
    "f1_micro": "F1, micro",
    "faithfulness": "Faithful to the source",
    "first_token": "Seconds to the first token",
    "format": "In the right form",
    "json_valid": "Valid JSON",
    "kl_to_base": "Drift from the base, nats a token",
    "latency": "Seconds an answer",
    "length": "Words an answer",
    "likelihood_gap": "Gap within pairs, nats",
    "loss": "Loss, nats a token",
    "mae": "Mean absolute error",
    "mse": "Mean squared error",
    "odds_gap": "Largest gap between groups, errors",
    "off_topic": "Off topic",
    "over_refusal": "Harmless requests refused",
    "parity_gap": "Largest gap between groups, answers given",
    "perplexity": "Perplexity",
    "precision": "Precision, macro",
    "precision_micro": "Precision, micro",
    "preference_accuracy": "Better answer preferred",
    "preference_calibration": "Calibration error of preferences",
    "preference_margin": "Preference for the better answer",
    "r2": "Variance explained, R²",
    "recall": "Recall, macro",
    "recall_micro": "Recall, micro",
    "refusal": "Answers that refuse",
    "refused_harmful": "Harmful requests refused",
    "repetition": "Repetition",
    "reward": "Reward",
    "rouge_1": "ROUGE-1",
    "rouge_2": "ROUGE-2",
    "rouge_l": "ROUGE-L",
    "rules_followed": "All instructions followed",
    "rules_followed_each": "Single instructions followed",
    "schema_valid": "Fits the schema",
    "spearman": "Rank correlation, Spearman",
    "stereotype": "Leaning towards stereotypes",
    "token_accuracy": "Tokens right",
    "toxicity": "Toxic answers",
    "unfinished": "Answers that do not end",
}
WAYS = {
    "labels_best": "Against the base model’s best chance",
    "labels_generated": "The label that the model writes",
    "labels_ranked": "The label that the model finds likeliest",
    "answers": "The answer that the model writes",
    "heldout": "How well the true answers are predicted, token by token",
    "general_text": "General text that the recipe does not teach",
    "general_dialogue": "General dialogue",
    "general_kl": "Answers that the base model would give",
    "general_tasks": "Small tasks that the base model can do",
    "instructions": "Instructions that a program can check",
    "alignment": "Pairs of a better and a worse answer",
    "preferences": "Pairs of answers, by likelihood",
    "preferences_per_token": "Pairs of answers, by mean likelihood a token",
    "preferences_over_base": "Pairs of answers, by likelihood over the base model (implicit reward)",
    "head_classes": "The label that the head says; the base model’s likeliest label",
    "head_number": "The number that the head says; in place of the base, the mean of the training rows",
    "head_reward": "The answer that the head rewards more; the base model’s likelier answer",
    "bias": "Sentences that differ in one attribute",
    "fairness": "The same task for different groups",
    "safety": "Harmful requests, and harmless ones that look alike",
    "robustness": "The same prompts, changed",
    "memorisation_canaries": "Planted secrets",
    "memorisation_rows": "Training rows, continued from their beginning",
    "contamination": "Measured rows among training rows",
    "latency": "Answers, one at a time",
}
BESIDE = {"head_number": "the mean of the training rows"}
"""What stands in the place of the base model where that has nothing to say, by way."""
TASK = "task"


@dataclass(frozen=True)
class Kind:
    """A kind of finding: the title of its section, the suites that belong there, what it asks, how to add it."""

    title: str
    suites: tuple[str, ...]
    question: str
    add: str = ""


KINDS = {
    TASK: Kind("The task", ("labels", "head", "answers", "heldout"), "Does it do what it was trained for?"),
    "alignment": Kind("Preferences", ("preferences", "alignment"), "Does it prefer the better of two answers?"),
    "forgetting": Kind(
        "Forgetting", ("general", "instructions"), "Can it still do what the base model could?", "general"
    ),
    "safety": Kind("Safety", ("safety",), "Does it refuse what is harmful, and only that?", "safety"),
    "bias": Kind("Bias and fairness", ("bias", "fairness"), "Does it treat groups of people alike?", "bias"),
    "robustness": Kind(
        "Robustness", ("robustness",), "Does a typo or an injected order change its answers?", "robustness"
    ),
    "memory": Kind(
        "Memory", ("memorisation", "contamination"), "Were test rows trained, are rows known by heart?", "contamination"
    ),
    "latency": Kind("Speed of answers", ("latency",), "How long does a user wait?", "latency"),
    "other": Kind("Other measurements", (), "What else was measured?"),
}
"""In the order of the report; a suite that is named nowhere is among the others."""


def kind_of(suite: str) -> str:
    """The kind of findings that a suite brings."""
    return next((name for name, kind in KINDS.items() if suite in kind.suites), "other")


def way(name: str) -> str:
    """A way of asking, for people."""
    return WAYS.get(name, name.replace("_", " "))


def metric(name: str) -> str:
    """A metric, for people."""
    return METRICS.get(name, name.replace("_", " "))


def metric_in_a_sentence(name: str) -> str:
    """A metric in the middle of a sentence: "loss, nats a token", but "ROUGE-L"."""
    title = metric(name)
    return title[:1].lower() + title[1:] if title[1:2].islower() else title
