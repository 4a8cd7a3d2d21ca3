"""The model card: read back by the hub's library, true to the records, silent about what they do not hold."""

from __future__ import annotations

from pathlib import Path

import pytest
from huggingface_hub import ModelCard

from tests.models.told import SECRET, proof, story, version
from tunewright.models.card.licences import licence_of
from tunewright.models.card.loading import loading
from tunewright.models.card.markdown import card
from tunewright.models.card.story import Story, public_text


def test_the_library_of_hubs_reads_back_what_machines_are_told(tmp_path: Path) -> None:
    found = ModelCard(card(story(tmp_path)))
    data = found.data
    assert (data.base_model, data.library_name, data.pipeline_tag) == ("acme/base", "peft", "text-generation")
    assert data.datasets == ["acme/questions"]
    assert data.tags == ["tunewright", "lora", "distillation"]
    (result,) = data.eval_results
    assert (result.metric_type, result.metric_value, result.dataset_split) == ("exact_match", 0.8, "test")
    assert data.to_dict().get("license") is None, "the licence of the base is not that of this model"


@pytest.mark.parametrize(
    "said",
    [
        "| licence of the base | apache-2.0 (as the README.md of its folder says) |",
        "| rows not kept | 4 duplicate, 1 quarantined, 5 dropped |",
        "| sources | `rows.jsonl`, `hub:acme/questions/train.jsonl` |",
        "| steps of preparation | deduplicate, canaries |",
        "| steps | 12 |",
        "| training.learning_rate | auto | 0.01 |",
        "| training.optimiser | adamw |  |",
        "| device | cpu, 2 threads |",
        "| torch | 2.13.0 |",
        "| answers: exact_match | 0.3 | 0.8 | +0.5000 | +0.3000 to +0.7000 | 0.001 | 10 |",
        "Gates of the recipe, as they were decided: NOT met.",
        "| exact_match at least 0.9 | 0.8 | 0.5 | 0.9 | not met |",
        "| `int8` | refused | 0.5 |",
        "| `merged-bf16` | kept | 0.0001 |",
        "- A gate was not met: exact_match at least 0.9.",
        "- 2 rows were longer than was trained on, and were cut.",
        "- Not measured: archive (fetch it with: tunewright suites fetch x --home work)",
    ],
)
def test_it_says_what_happened(said: str, tmp_path: Path) -> None:
    assert said in card(story(tmp_path))


def test_no_text_of_a_row_and_no_place_of_this_machine_stands_in_it(tmp_path: Path) -> None:
    for known in (story(tmp_path), story(tmp_path, bare=True)):
        text = card(known)
        assert SECRET not in text and "/home/me" not in text and str(tmp_path) not in text


def test_of_a_model_of_which_little_is_known_little_is_said(tmp_path: Path) -> None:
    text = card(story(tmp_path, bare=True))
    assert "over `base`" in text
    assert "It was not evaluated: nothing is known of its quality." in text
    for absent in ("## Training", "## Evaluation", "## Exported", "licence", "data set |"):
        assert absent not in text
    assert ModelCard(text).data.base_model is None


def test_a_form_shows_its_proof(tmp_path: Path) -> None:
    known = story(tmp_path)
    made = version(form="int8")
    text = card(Story(made, tmp_path, known.runs, proof=proof("int8"), files={"model.safetensors": 1}))
    assert "# letters (int8)" in text and "## Proof of this form" in text
    assert "Answers of this form were not scored" in text
    assert "from_pretrained" in text and "PeftModel" not in text


@pytest.mark.parametrize(
    ("files", "library", "says"),
    [
        ({"model.gguf": 1}, "gguf", "llama-server -hf acme/mine --jinja"),
        ({"under.safetensors": 1, "adapter_config.json": 1}, "tunewright", "--form merged"),
        ({"bottleneck_config.json": 1}, "tunewright", "Tunewright alone reads"),
        ({"adapter_config.json": 1}, "peft", f'"acme/base", revision="{"c" * 40}"'),
        ({"model.safetensors": 1, "head/head.json": 1}, "transformers", 'hf_hub_download("acme/mine", "head/head'),
    ],
)
def test_each_kind_of_folder_is_loaded_as_it_can_be(
    files: dict[str, int], library: str, says: str, tmp_path: Path
) -> None:
    how = loading(Story(version(), tmp_path, files=files), place="acme/mine")
    assert how.library == library
    assert says in how.code + how.note


def test_quantised_bases_and_added_tokens_are_loaded_as_training_held_them(tmp_path: Path) -> None:
    numbers = version().numbers.model_copy(update={"weights": "nf4"})
    how = loading(
        Story(version(numbers=numbers, added_tokens=("<a>",)), tmp_path, files={"adapter_config.json": 1}), place="."
    )
    assert "bnb_4bit_quant_type='nf4', bnb_4bit_compute_dtype=torch.bfloat16" in how.code
    assert "resize_token_embeddings(len(tokenizer)" in how.code
    compile(how.code, "card", "exec")


def test_the_licence_of_a_base_is_what_something_here_says(tmp_path: Path) -> None:
    assert licence_of("acme/base@" + "c" * 40) is None
    assert licence_of(str(tmp_path)) is None
    (tmp_path / "README.md").write_text("---\nlicense: mit\n---\n# A model\n", encoding="utf-8")
    found = licence_of(str(tmp_path))
    assert found is not None and found.name == "mit"
    (tmp_path / "README.md").write_text("---\n[\n---\n", encoding="utf-8")
    assert licence_of(str(tmp_path)) is None
    builtin = licence_of("builtin:smollm2-135m-instruct")
    assert builtin is not None and builtin.name == "apache-2.0"


def test_places_are_cut_and_addresses_stay() -> None:
    assert public_text("see /home/me/a.txt, ~/b and hub:a/b at https://x.org/c/d.") == (
        "see a.txt, b and hub:a/b at https://x.org/c/d."
    )
