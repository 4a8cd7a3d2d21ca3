"""Credentials in texts."""

from __future__ import annotations

import pytest

from tunewright.detect.secrets import secrets

MADE_UP = "a8f5f167f44f4964e6c998dee827110c"


def found(text: str) -> list[str]:
    return [text[span.start : span.end] for span in secrets(text)]


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("AKIA" + "IOSFODNN7EXAMPLE", "AKIA" + "IOSFODNN7EXAMPLE"),
        ("token gh" + "p_abcdefghijklmnopqrstuvwxyz0123456789 here", "gh" + "p_abcdefghijklmnopqrstuvwxyz0123456789"),
        ("postgres://admin:s3cr3t!pw@db.host/x", "admin:s3cr3t!pw"),
        (f"api_key = '{MADE_UP}'", MADE_UP),
        (f'"client_secret": "{MADE_UP}"', MADE_UP),
        (f"MY_SERVICE_TOKEN={MADE_UP}", MADE_UP),
        ("Password: hunter22", "hunter22"),
        ("das Passwort lautet Xy7!kfpq", "Xy7!kfpq"),
        (f"Authorization: Bearer {MADE_UP}", MADE_UP),
    ],
)
def test_finds(text: str, secret: str) -> None:
    assert secret in found(text)


def test_finds_private_keys_whole() -> None:
    text = "-----BEGIN RSA " + "PRIVATE KEY-----\nMIIEow\nabc=\n-----END RSA " + "PRIVATE KEY-----"
    assert found(f"key:\n{text}\n") == [text]
    assert len(found(text[: text.index("-----END")])) == 1


@pytest.mark.parametrize(
    "text",
    [
        "token = self.token, password = os.environ['X'], secret=None, key = value",
        "password: changeme, password: $PASSWORD, token: ${TOKEN}, password: ********",
        "The secret is patience. Your token expires soon; pass it on. pass = fail",
        "https://example.org/a:b@c, http://user@host",
        "max_tokens: 512, tokenizer=byte_level, keyboard = qwerty12",
        "AKIA, ghp_, sk-learn, AKIAAAAAAAAAAAAAAAAA",
    ],
)
def test_leaves_alone(text: str) -> None:
    assert found(text) == []
