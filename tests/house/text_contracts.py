"""What parts promise that are models of texts: embedders and detectors."""

from __future__ import annotations

from typing import Any

import numpy as np


def detector_depends_on_the_text_alone(detector: Any) -> list[str]:
    """Places in order and inside the text, the same again, in a text of any form; a digest."""
    texts = ["", " ", "\0", "a\u202eb 😀\r\n", "Ann Lee wrote to Bo Chan. " * 2000]
    problems: list[str] = []
    for text in texts:
        places = detector.places(text)
        at = [0, *(place for pair in places for place in pair), len(text)]
        problems += [] if at == sorted(at) else [f"{text[:20]!r}: places out of order or outside"]
        problems += [] if places == detector.places(text) else [f"{text[:20]!r}: other places the second time"]
    return problems + ([] if detector.digest else ["no digest"])


def embedder_places_texts(embedder: Any) -> list[str]:
    """Vectors of length 1 in the order of the texts, the same whatever stands beside them, the alike near."""
    texts = ["A cat sat on the mat.", "", "A cat is sitting on a rug.", "Interest rates rose by a tenth."]
    found, alone = embedder.embed(texts), embedder.embed(texts[:1])
    problems = [] if found.dtype == np.float32 and found.shape[0] == len(texts) else [f"{found.dtype} {found.shape}"]
    problems += [] if np.allclose(np.linalg.norm(found, axis=1), 1, atol=1e-4) else ["lengths are not 1"]
    problems += [] if np.allclose(found[0], alone[0], atol=1e-4) else ["what stands beside a text changes its vector"]
    problems += [] if found[0] @ found[2] > found[0] @ found[3] else ["the alike are not near"]
    problems += [] if embedder.embed([]).shape[0] == 0 else ["no texts have vectors"]
    return problems + ([] if embedder.digest else ["no digest"])
