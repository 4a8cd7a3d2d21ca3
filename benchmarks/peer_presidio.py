"""Presidio's analyzer with its default recognisers, in an environment of its own; prints documents, seconds, recall.

PYTHON benchmarks/peer_presidio.py DOCUMENTS.jsonl     one thread, start-up left out: a first round over ten documents

The slim engine has a blank English tokenizer, which is its fastest: no lemmas, no names. Nothing is replaced in the
texts, as our side does. The e-mail recogniser gets the list of suffixes that tldextract ships: else it goes online.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

import spacy
import tldextract
from presidio_analyzer import AnalyzerEngine, BatchAnalyzerEngine
from presidio_analyzer.nlp_engine import SlimSpacyNlpEngine
from presidio_analyzer.predefined_recognizers.generic import email_recognizer

ENTITIES = {
    "email": "EMAIL_ADDRESS",
    "phone": "PHONE_NUMBER",
    "card": "CREDIT_CARD",
    "iban": "IBAN_CODE",
    "ssn": "US_SSN",
    "ip": "IP_ADDRESS",
}


def analyzer(folder: str) -> BatchAnalyzerEngine:
    """Presidio over a tokenizer that lies in a folder, so that none is downloaded."""
    spacy.blank("en").to_disk(folder)
    engine = SlimSpacyNlpEngine(models=[{"lang_code": "en", "model_name": folder}], auto_download=False)
    engine.load()
    email_recognizer.tldextract = tldextract.TLDExtract(suffix_list_urls=(), cache_dir=None)
    email_recognizer.tldextract.extract = email_recognizer.tldextract.extract_str
    return BatchAnalyzerEngine(AnalyzerEngine(nlp_engine=engine, supported_languages=["en"]))


def recall(rows: list[dict[str, Any]], found: list[Any]) -> dict[str, float]:
    """Share of planted values that a finding of their kind covers whole, by kind."""
    planted: Counter[str] = Counter()
    covered: Counter[str] = Counter()
    for row, results in zip(rows, found, strict=True):
        if "planted" not in row:
            continue
        kind, value = row["planted"]
        start = row["text"].index(value)
        planted[kind] += 1
        covered[kind] += any(
            each.entity_type == ENTITIES[kind] and each.start <= start and start + len(value) <= each.end
            for each in results
        )
    return {kind: round(covered[kind] / planted[kind], 4) for kind in planted}


def main() -> None:
    """Measure."""
    rows = [json.loads(line) for line in Path(sys.argv[1]).read_text(encoding="utf-8").splitlines()]
    texts = [row["text"] for row in rows]
    with tempfile.TemporaryDirectory() as folder:
        engine = analyzer(folder)
        list(engine.analyze_iterator(texts[:10], language="en"))
        began, busy = time.perf_counter(), time.process_time()
        found = list(engine.analyze_iterator(texts, language="en", batch_size=64))
        seconds, cpu_s = time.perf_counter() - began, time.process_time() - busy
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    peak = next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:"))
    said = {"documents": len(texts), "seconds": seconds, "cpu_s": cpu_s, "peak_memory_bytes": peak}
    print(json.dumps(said | {"recall": recall(rows, found)}))


if __name__ == "__main__":
    main()
