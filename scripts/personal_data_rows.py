"""Texts with planted personal data whose places are known: sentences of a file, values by Faker in five locales."""

from __future__ import annotations

import random
import re
from pathlib import Path
from typing import NamedTuple

from faker import Faker
from stdnum.es import nie

LOCALES = ("en_US", "en_GB", "de_DE", "fr_FR", "es_ES")
PLACE = re.compile(r"\{(_?[a-z]+(?:_[a-z]+)*)\}")
DATES = {
    "en_US": ("%m/%d/%Y", "%B %d, %Y", "%Y-%m-%d", "%b %d, %Y"),
    "en_GB": ("%d/%m/%Y", "%d %B %Y", "%Y-%m-%d", "%d.%m.%Y"),
    "de_DE": ("%d.%m.%Y", "%d.%m.%y", "%Y-%m-%d"),
    "fr_FR": ("%d/%m/%Y", "%d-%m-%Y", "%d.%m.%Y"),
    "es_ES": ("%d/%m/%Y", "%d-%m-%Y", "%Y-%m-%d"),
}
MISLEADING = {
    "_expiry": "##/2#",
    "_time": "1#:2#:3#",
    "_version": "#.#.1#.#",
    "_order": "?#-########",
    "_isbn": "978-#-##-######-#",
    "_amount": "#,###.##",
    "_tracking": "1Z############",
    "_commit": "^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^",
    "_sort": "##-##-##",
    "_code": "0x^^^^^^^^",
    "_long": "################",
    "_nine": "#########",
    "_epoch": "17########",
    "_zip": "#####",
    "_section": "#.#.#.#",
    "_range": "####-####",
    "_mac": "^^:^^:^^:^^:^^:^^",
}


class Planted(NamedTuple):
    """A text, and places with the kind that stands there."""

    text: str
    values: list[tuple[int, int, str]]


class Maker:
    """Values of one locale."""

    def __init__(self, locale: str, seed: int) -> None:
        self.fake = Faker(locale)
        self.fake.seed_instance(seed)
        self.draw = random.Random(f"{locale}:{seed}")
        self.locale = locale

    def value(self, kind: str) -> str:
        """A value of a kind, in one of the ways in which people write it."""
        if kind.startswith("_"):
            return self._misleading(kind)
        return str(getattr(self, f"_{kind}")())

    def _misleading(self, kind: str) -> str:
        if kind == "_date":
            return self._date(self.fake.date_between("-3y"))
        if kind == "_uuid":
            return self.fake.uuid4()
        return self.fake.hexify(self.fake.bothify(MISLEADING[kind], letters="ABCDEFGH"))

    def _date(self, day) -> str:
        return day.strftime(self.draw.choice(DATES[self.locale]))

    def _email(self) -> str:
        found = self.draw.choice([self.fake.free_email, self.fake.company_email, self.fake.email])()
        local, host = found.split("@")
        return self.draw.choice([found] * 4 + [found.upper(), f"{local}+news@{host}", f"{local}@mail.{host}"])

    def _phone(self) -> str:
        return self.fake.phone_number()

    def _card(self) -> str:
        number = self.fake.credit_card_number(self.draw.choice(["visa16", "mastercard", "amex", "discover", "jcb16"]))
        while number.startswith("35") and not "3528" <= number[:4] <= "3589":  # Faker leaves the scheme's range
            number = self.fake.credit_card_number("jcb16")
        sizes = (4, 6, 5) if len(number) == 15 else (4, 4, 4, 4)
        return self._grouped(number, sizes, self.draw.choice(["", " ", "-"]))

    def _grouped(self, number: str, sizes: tuple[int, ...], between: str) -> str:
        parts, at = [], 0
        for size in sizes:
            parts.append(number[at : at + size])
            at += size
        return between.join(part for part in parts if part)

    def _iban(self) -> str:
        made = self if self.locale != "en_US" else Maker("de_DE", self.draw.randrange(10**6))
        return self._grouped(made.fake.iban(), (4,) * 9, self.draw.choice(["", " ", " "]))

    def _ssn(self) -> str:
        return Faker("en_US").ssn() if self.locale != "en_US" else self.fake.ssn()

    def _ip(self) -> str:
        found = self.fake.ipv4_public() if self.draw.random() < 0.7 else self.fake.ipv6()
        return found

    def _medical_record(self) -> str:
        form = self.draw.choice(["######", "#######", "########", "##########", "??######", "?-#######", "###-##-##"])
        return self.fake.bothify(form, letters="ABCDEFGHKLMP")

    def _name(self) -> str:
        middle = f" {self.fake.random_uppercase_letter()}." if self.draw.random() < 0.1 else ""
        return f"{self.fake.first_name()}{middle} {self.fake.last_name()}"

    def _first_name(self) -> str:
        return self.fake.first_name()

    def _last_name(self) -> str:
        return self.fake.last_name()

    def _date_of_birth(self) -> str:
        return self._date(self.fake.date_of_birth(minimum_age=18, maximum_age=90))

    def _identity_number(self) -> str:
        if self.locale == "en_US":
            return self.fake.itin()
        if self.locale == "es_ES" and self.draw.random() < 0.3:
            number = f"{self.draw.choice('XYZ')}{self.draw.randrange(10**7):07d}"
            return number + nie.calc_check_digit(number)
        if self.locale == "en_GB":  # Faker's have the prefix ZZ, which is never given out
            given_out = ("AA", "AB", "CE", "EH", "HJ", "JK", "JR", "KA", "LM", "NA", "PB", "RS", "SL", "TW", "WK", "YZ")
            numbers = (f"{self.draw.randrange(100):02d}" for _ in range(3))
            parts = [self.draw.choice(given_out), *numbers, self.draw.choice("ABCD")]
            return self.draw.choice(["", " "]).join(parts)
        return {"fr_FR": self.fake.ssn, "es_ES": getattr(self.fake, "nif", self.fake.ssn)}[self.locale]()

    def _credentials(self) -> str:
        letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
        start, size, alphabet = self.draw.choice(
            [
                ("AKIA", 16, letters[26:]),
                ("ghp_", 36, letters),
                ("sk-", 48, letters),
                ("xoxb-", 40, letters),
                ("AIza", 35, letters),
                ("sk_" + "live_", 24, letters),
                ("", 40, letters),
                ("", 32, "0123456789abcdef"),
                ("hf_", 34, letters),
                ("", 12, letters + "!$%&*+-_"),
            ]
        )
        return start + "".join(self.draw.choice(alphabet) for _ in range(size - 1)) + "7"


PARTS_OF_NAMES = {"first_name": "name", "last_name": "name"}


def planted(path: Path, *, rounds: int, seed: int) -> list[Planted]:
    """Each sentence of a file, `rounds` times with other values."""
    makers = {locale: Maker(locale, seed) for locale in LOCALES}
    lines = [line.split("\t", 1) for line in path.read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
    return [filled(text, makers[locale]) for _round in range(rounds) for locale, text in lines]


def filled(sentence: str, maker: Maker) -> Planted:
    """A sentence with values; `\\n` in it is a line end."""
    sentence = sentence.replace("\\n", "\n")
    parts, values, size, at = [], [], 0, 0
    for match in PLACE.finditer(sentence):
        kind = match[1]
        before, value = sentence[at : match.start()], maker.value(kind)
        parts += [before, value]
        size += len(before)
        if not kind.startswith("_"):
            values.append((size, size + len(value), PARTS_OF_NAMES.get(kind, kind)))
        size += len(value)
        at = match.end()
    return Planted("".join(parts) + sentence[at:], values)
