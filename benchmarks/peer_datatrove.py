"""datatrove's MinHash deduplication, in an environment of its own; prints what it took and how many it removed.

PYTHON benchmarks/peer_datatrove.py DOCUMENTS.jsonl     one task, start-up left out: a first round over ten documents
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from pathlib import Path

from datatrove.data import Document
from datatrove.pipeline.dedup import MinhashDedupBuckets, MinhashDedupCluster, MinhashDedupFilter, MinhashDedupSignature
from datatrove.pipeline.dedup.minhash import MinhashConfig

CONFIG = MinhashConfig(n_grams=3, num_buckets=25, hashes_per_bucket=5)


def removed(documents: list[Document], folder: str) -> int:
    """Run all four stages in this process."""
    signatures, buckets, gone = f"{folder}/signatures", f"{folder}/buckets", f"{folder}/gone"
    MinhashDedupSignature(output_folder=signatures, config=CONFIG).run(iter(documents), 0, 1)
    for bucket in range(CONFIG.num_buckets):
        step = MinhashDedupBuckets(input_folder=signatures, output_folder=buckets, config=CONFIG)
        step.run(None, bucket, CONFIG.num_buckets)
    MinhashDedupCluster(input_folder=buckets, output_folder=gone, config=CONFIG).run(None, 0, 1)
    return len(documents) - sum(1 for _ in MinhashDedupFilter(input_folder=gone).run(iter(documents), 0, 1))


def main() -> None:
    """Measure."""
    lines = Path(sys.argv[1]).read_text(encoding="utf-8").splitlines()
    documents = [Document(text=json.loads(line), id=str(at)) for at, line in enumerate(lines)]
    with tempfile.TemporaryDirectory() as folder:
        removed(documents[:10], folder)
    with tempfile.TemporaryDirectory() as folder:
        began, busy = time.perf_counter(), time.process_time()
        count = removed(documents, folder)
        spent = {"seconds": time.perf_counter() - began, "cpu_s": time.process_time() - busy}
        print(json.dumps(spent | {"removed": count, "documents": len(documents)}))


if __name__ == "__main__":
    main()
