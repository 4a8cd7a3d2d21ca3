"""Languages by the small model in its package."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tunewright.detect.language import UNKNOWN, codes, language, same
from tunewright.recipe.options.steps.language import CODES

SENTENCES = {
    "en": "Please send the parcel back within thirty days, and we will refund the price.",
    "de": "Bitte schicken Sie das Paket innerhalb von dreißig Tagen zurück, dann erstatten wir den Preis.",
    "fr": "Veuillez renvoyer le colis dans les trente jours, et nous vous rembourserons le prix.",
    "es": "Por favor, devuelva el paquete en un plazo de treinta días y le reembolsaremos el precio.",
    "it": "Si prega di restituire il pacco entro trenta giorni e rimborseremo il prezzo.",
    "pl": "Prosimy o zwrot paczki w ciągu trzydziestu dni, a my zwrócimy cenę zakupu.",
    "ru": "Пожалуйста, верните посылку в течение тридцати дней, и мы вернём деньги.",
    "zh": "请在三十天内退回包裹，我们将退还货款。",
    "ja": "三十日以内に荷物を返送してください。代金を返金いたします。",
    "ar": "يرجى إعادة الطرد في غضون ثلاثين يوما وسنعيد لك الثمن.",
}


@pytest.mark.parametrize("code", SENTENCES)
def test_sentences_in_ten_languages(code: str) -> None:
    found = language(SENTENCES[code])
    assert found.code == code
    assert found.score > 0.5


def test_line_ends_and_capitals_change_nothing() -> None:
    assert language(SENTENCES["en"].upper()).code == "en"
    assert language(SENTENCES["de"].replace(" ", "\n")).code == "de"


def test_code_and_addresses_have_no_language() -> None:
    text = (
        SENTENCES["de"]
        + "\n```python\nfor word in the_list_of_words: print('the word is', word)\n```\nhttps://a.example/en"
    )
    assert language(text).code == "de"
    assert language("```\nreturn 1\n```").code == UNKNOWN
    assert language("4 + 4 = 8").code == UNKNOWN


def test_a_long_text_is_looked_at_as_a_whole() -> None:
    start = "Bonjour, merci. "
    assert language(start + SENTENCES["en"] * 20).code == "en"


def test_the_recipe_knows_the_codes_of_the_model() -> None:
    assert codes() <= CODES
    assert len(CODES) == 176


def test_close_languages() -> None:
    assert same("nn", "no") and same("yue", "zh") and same("hr", "sr")
    assert not same("de", "nl")


@given(st.text(max_size=200))
def test_any_text_has_a_score_from_0_to_1(text: str) -> None:
    found = language(text)
    assert 0 <= found.score <= 1
    assert (found.code == UNKNOWN) == (found.score == 0) or found.score >= 0
