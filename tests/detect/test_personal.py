"""Personal data in texts: what each kind accepts and what it leaves alone."""

from __future__ import annotations

import time
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tunewright.detect.personal import FAKE_DOMAIN, KINDS, personal_spans
from tunewright.detect.personal_numbers import is_iban, of_an_issuer
from tunewright.detect.personal_text import plain

SOME = "ann.lee@mail.co.uk 4111 1111 1111 1111 DE89370400440532013000 536-90-4399 +49 30 901820 203.0.113.7"


def found(text: str, *kinds: str) -> list[tuple[str, str]]:
    return [(span.kind, text[span.start : span.end]) for span in personal_spans(text, kinds or KINDS)]


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [
        ("mail ann.lee+x@mail.example.co.uk.", "email", "ann.lee+x@mail.example.co.uk"),
        ("<ANN@EXAMPLE.ORG>", "email", "ANN@EXAMPLE.ORG"),
        ("mailto:ann@bücher.de?subject=x", "email", "ann@bücher.de"),
        ("ann [at] host [dot] org", "email", "ann [at] host [dot] org"),
        ("a\u200bnn@exa\u200bmple.com!", "email", "a\u200bnn@exa\u200bmple.com"),
        ("ａｎｎ＠ｅｘａｍｐｌｅ．ｃｏｍ", "email", "ａｎｎ＠ｅｘａｍｐｌｅ．ｃｏｍ"),
        ("4111111111111111", "card", "4111111111111111"),
        ("3782-822463-10005", "card", "3782-822463-10005"),
        ("card 4111 1111\n1111 1111 12/27", "card", "4111 1111\n1111 1111"),
        ("card ٤١١١ ١١١١ ١١١١ ١١١١", "card", "٤١١١ ١١١١ ١١١١ ١١١١"),
        ('{"text": "pay\\n4111111111111111\\nnow"}', "card", "4111111111111111"),
        ("GB82WEST12345698765432", "iban", "GB82WEST12345698765432"),
        ("de89 3704\n0044 0532 0130 00 bitte", "iban", "de89 3704\n0044 0532 0130 00"),
        ("536-90-4399", "ssn", "536-90-4399"),
        ("SSN 536904399", "ssn", "536904399"),
        ("from 203.0.113.7:80", "ip", "203.0.113.7"),
        ("[2001:db8::8a2e:370:7334]", "ip", "2001:db8::8a2e:370:7334"),
        ("(212) 555-0187", "phone", "(212) 555-0187"),
        ("+44 20 7946 0958", "phone", "+44 20 7946 0958"),
        ("Tel. 030/901820", "phone", "030/901820"),
        ("06 12 34 56 78", "phone", "06 12 34 56 78"),
        ("MRN: 00123456", "medical_record", "00123456"),
        ("Fallnummer ist A-98213", "medical_record", "A-98213"),
        ('"patient_id": 4471208', "medical_record", "4471208"),
        ("DOB: 03/04/1980", "date_of_birth", "03/04/1980"),
        ("née le 3 mars 1970", "date_of_birth", "3 mars 1970"),
        ("DNI 12345678Z", "identity_number", "12345678Z"),
        ("1 85 05 78 006 084 91", "identity_number", "1 85 05 78 006 084 91"),
        (
            "P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<\nL898902C36UTO7408122F1204159ZE184226B<<<<<10",
            "identity_number",
            "P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<\nL898902C36UTO7408122F1204159ZE184226B<<<<<10",
        ),
        ("Mrs. Ada Quill", "name", "Ada Quill"),
        ("Grüße, Jürgen von Ahnen", "name", "Jürgen von Ahnen"),
        ("my name is Zork Blah.", "name", "Zork Blah"),
    ],
)
def test_finds(text: str, kind: str, value: str) -> None:
    assert (kind, value) in found(text)


@pytest.mark.parametrize(
    "text",
    [
        "@decorator, x@localhost, icon@2x.png, a@b, git@github.com:org/repo, @@@",
        "4111 1111 1111 1112, 1234567812345670, order 4111111111111111, isbn 4111111111111111, 0000000000000000",
        "GB82WEST12345698765433, DE8937040044053201300, XX00 1234 5678 9012 3456",
        "000-12-3456, 666-12-3456, 900-12-3456, 123-00-4567, 123-45-0000, 078-05-1120, 12-345-6789",
        "v1.2.3.4, version 10.0.0.1, 256.1.1.1, 127.0.0.1, 0.0.0.0, 1.2.3.4.5, section 1.2.3.4",
        "std::vector, a::b, x[1::2], 12:34:56, 00:1b:44:11:3a:b7, ::1, 00:11:22:33:44:55:66:77",
        "2024-01-02 10:20:30, 1700000000, 3.14159265358979, +35236450.6, ISBN 978-3-16-148410-0, 0123456789",
        "chart 2020-2021, patient since 2019, a record 1,234 rows",
        "born in 1912, on 12 March 1971 the war ended",
        "May Day, Will Smith's Grace Period, English, German, Stanford University, Jan Feb Mar",
    ],
)
def test_leaves_alone(text: str) -> None:
    assert found(text) == []


def test_a_value_has_one_kind_also_when_that_kind_is_not_asked_for() -> None:
    assert found("4111 1111 1111 1111", "phone") == []
    assert found("the letter U+0043 88436, and u+0043 99201 twice", "phone") == []
    assert [kind for kind, _value in found(SOME)] == ["email", "card", "iban", "ssn", "phone", "ip"]


def test_pseudonyms_are_not_found_again() -> None:
    text = f"anna.keller7@{FAKE_DOMAIN}, 9999 1234 5678 9012, XX00 1234 5678 9012 3456, 000-00-1234, 240.1.2.3, 100::7"
    assert found(text) == []


@pytest.mark.parametrize(
    "piece",
    [
        "a",
        "1",
        "@",
        "1 ",
        "a@",
        "a.",
        "A ",
        "Anna ",
        "de89 ",
        "1.1.",
        ":",
        "a:",
        "(1",
        "+1-",
        "key=",
        "password ",
        "eyJa.",
        "MRN ",
        "born ",
        "-----BEGIN ",
        "\u200b",
        "\\n",
        "né le ",
        "x://a:",
        "P<",
        "ann@host.org ",
        "4111111111111111 ",
        "+49 30 901820, ",
        "Mrs. Ada Quill ",
        "203.0.113.7 ",
    ],
)
def test_anything_is_read_in_linear_time(piece: str) -> None:
    """Four times the text takes about four times as long: a quadratic pattern would take sixteen."""
    times = []
    for size in (2**15, 2**17):
        text = (piece * (size // len(piece) + 1))[:size]
        best = []
        for _again in range(2):
            begun = time.process_time()
            personal_spans(text)
            best.append(time.process_time() - begun)
        times.append(min(best))
    assert times[1] < 9 * times[0] + 0.1


def test_a_megabyte_without_a_blank_is_read() -> None:
    for text in ("a" * 2**20, "1" * 2**20, "a@" * 2**19, "A.b-" * 2**18, "\u200b" * 2**20, "é1" * 2**19):
        assert personal_spans(text) == []


@given(st.text(max_size=200))
def test_spans_stand_apart_and_inside(text: str) -> None:
    spans = personal_spans(text)
    assert all(0 <= span.start < span.end <= len(text) and 0 < span.score <= 1 for span in spans)
    assert all(one.end <= other.start for one, other in pairwise(spans))


@given(st.lists(st.sampled_from([*SOME.split(" "), "\u200b", "1", "@", ".", "-", "Anna", "Keller", "né", "born"])))
def test_places_are_those_of_the_text_as_given(parts: list[str]) -> None:
    text = "\u00a0".join(parts)
    for span in personal_spans(text):
        value = text[span.start : span.end]
        assert value == value.strip()
    seen = plain(text)
    assert all(seen.back(place, place + 1)[0] < len(text) for place in range(len(seen.text)))


@given(st.integers(min_value=0, max_value=10**15 - 1))
def test_one_wrong_digit_is_no_card(number: int) -> None:
    start = f"4{number:015d}"[:15]
    right = [digit for digit in "0123456789" if ("card", start + digit) in found(f"card {start}{digit}", "card")]
    assert len(right) == (1 if of_an_issuer(start + "0") and len(set(start)) > 1 else len(right))


@given(st.integers(min_value=0, max_value=10**18 - 1), st.integers(min_value=0, max_value=17))
def test_one_wrong_digit_is_no_iban(number: int, place: int) -> None:
    bban = f"{number:018d}"
    check = 98 - int(bban + "131400") % 97
    right = f"DE{check:02d}{bban}"
    wrong = right[: 4 + place] + str((int(right[4 + place]) + 1) % 10) + right[5 + place :]
    assert is_iban(right) and found(right, "iban") == [("iban", right)]
    assert not is_iban(wrong) and found(wrong, "iban") == []
