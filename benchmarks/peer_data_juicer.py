"""data-juicer's operators that do what our `clean` and `quality` do, in an environment of its own; prints seconds.

PYTHON benchmarks/peer_data_juicer.py DOCUMENTS.jsonl     one process, start-up left out: a first round over 10 rows

Its loader of optional packages installs what is missing while it runs, torch with CUDA among them. Here it has nothing
to install with, and the one call that needs torch, which frees the memory of models, is left out: no operator of these
has a model.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import datasets
from data_juicer.core.data import NestedDataset
from data_juicer.ops import base_op, load_ops
from loguru import logger

OPERATORS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("fix_unicode_mapper", {}),
    ("whitespace_normalization_mapper", {}),
    ("words_num_filter", {"min_num": 1, "max_num": 8000}),
    ("word_repetition_filter", {"rep_len": 5, "max_ratio": 0.4}),
    ("character_repetition_filter", {"rep_len": 10, "max_ratio": 0.5}),
    ("special_characters_filter", {"max_ratio": 0.4}),
)


def processed(texts: list[str]) -> tuple[float, float, int]:
    """Seconds by the clock and of the processor, its own processes included, and how many texts are left."""
    operators = load_ops([{name: {**options, "num_proc": 1}} for name, options in OPERATORS])
    given = NestedDataset.from_list([{"text": text} for text in texts])
    began, busy = time.perf_counter(), sum(os.times()[:4])
    left = given.process(operators, open_monitor=False)
    return time.perf_counter() - began, sum(os.times()[:4]) - busy, len(left)


def main() -> None:
    """Measure."""
    logger.remove()
    datasets.disable_caching()
    datasets.disable_progress_bars()
    base_op.free_models = lambda *_args, **_more: None
    lines = Path(sys.argv[1]).read_text(encoding="utf-8").splitlines()
    texts = [json.loads(line)["text"] for line in lines]
    processed(texts[:10])
    seconds, cpu_s, left = processed(texts)
    status = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    peak = next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmHWM:"))
    operators = [name for name, _options in OPERATORS]
    said = {"documents": len(texts), "seconds": seconds, "cpu_s": cpu_s, "left": left, "operators": operators}
    print(json.dumps(said | {"peak_memory_bytes": peak}))


if __name__ == "__main__":
    main()
