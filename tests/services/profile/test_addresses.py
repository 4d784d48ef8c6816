import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from services.profile.addresses import AddressBook
from tests.services.profile.addresses import BERLIN, TOKYO


def wide(text):
    """Text in full-width characters, as Japanese keyboards write it."""
    return text.translate({code: code + 0xFEE0 for code in range(0x21, 0x7F)})


def stored(*addresses):
    book = AddressBook.model_validate({"addresses": addresses})
    return book.model_dump(mode="json", by_alias=True, exclude_none=True)["addresses"]


def faults(address):
    """Which fields of an address are refused, and why."""
    with pytest.raises(ValidationError) as refused:
        stored(address)
    return {".".join(map(str, fault["loc"])): fault["msg"] for fault in refused.value.errors()}


@pytest.mark.parametrize(
    "written", ["150-0001", "1500001", wide("150-0001"), "150\u30fc0001", "150\u22120001", " 150-0001 "]
)
def test_a_japanese_postal_code_may_be_written_as_people_do(written):
    assert stored({**TOKYO, "postalCode": written})[0]["postalCode"] == "150-0001"


@pytest.mark.parametrize("written", ["東京都", "Tokyo", "TOKYO", wide("Tokyo")])
def test_a_prefecture_may_be_written_in_japanese_or_latin_letters(written):
    assert stored({**TOKYO, "countryArea": written})[0]["countryArea"] == "東京都"


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"countryArea": "架空県"}, "must be a prefecture of JP, such as 北海道"),
        ({"countryArea": None}, "is needed in an address of JP"),
        ({"postalCode": "530-0001"}, "must be a postal code of 東京都"),
        ({"postalCode": "15-0001"}, "must be a postal code of JP"),
        ({"postalCode": "150000\u0661"}, "must be a postal code of JP"),
        ({"postalCode": None}, "is needed in an address of JP"),
        ({"city": None}, "is needed in an address of JP"),
        ({"countryCode": "XX"}, "must be a country's code"),
        ({"countryCode": "jp"}, "must be a country's code of two capital letters"),
        ({"phone": "12"}, "must be a phone number"),
    ],
)
def test_what_is_wrong_with_an_address_is_said_of_its_field(wrong, message):
    ((field, told),) = faults({**TOKYO, **wrong}).items()
    assert field == f"addresses.0.{next(iter(wrong))}"
    assert message in told


@pytest.mark.parametrize("missing", ["countryArea", "postalCode", "city"])
def test_a_needed_field_that_is_left_out_is_named_as_the_caller_knows_it(missing):
    address = {name: value for name, value in TOKYO.items() if name != missing}
    assert faults(address).keys() == {f"addresses.0.{missing}"}


def test_fields_may_be_named_as_in_python_too():
    address = {name: value for name, value in TOKYO.items() if name != "countryArea"}
    assert stored({**address, "country_area": "東京都"})[0]["countryArea"] == "東京都"


@pytest.mark.parametrize(
    "address",
    [
        BERLIN,
        {
            **BERLIN,
            "countryCode": "US",
            "countryArea": "California",
            "city": "Mountain View",
            "postalCode": "94043-1351",
        },
        {**BERLIN, "countryCode": "GB", "city": "London", "postalCode": "sw1a 1aa"},
        {"name": "Li", "countryCode": "HK", "countryArea": "九龍", "streetAddress": "1 Nathan Road"},
        {"name": "Li", "countryCode": "SG", "postalCode": "238823", "streetAddress": "1 Orchard Road"},
    ],
    ids=lambda address: address["countryCode"],
)
def test_an_address_elsewhere_needs_what_its_country_needs(address):
    assert stored(address)[0]["countryCode"] == address["countryCode"]


@pytest.mark.parametrize(
    ("code", "area"),
    [("10001", "California"), ("1234", "California"), ("94043", "Ontario"), ("SW1A 1AA", "California")],
)
def test_a_postal_code_elsewhere_must_be_one_of_its_area(code, area):
    address = {**BERLIN, "countryCode": "US", "countryArea": area, "postalCode": code}
    assert len(faults(address)) == 1


def test_the_first_address_is_the_default_if_none_is_marked():
    assert [each["isDefault"] for each in stored(TOKYO, BERLIN)] == [True, False]


def test_only_one_address_can_be_the_default():
    with pytest.raises(ValidationError, match="only one default"):
        stored({**TOKYO, "isDefault": True}, {**BERLIN, "isDefault": True})


def test_two_addresses_have_two_ids():
    assert len({each["id"] for each in stored(TOKYO, TOKYO)}) == 2
    with pytest.raises(ValidationError, match="same id"):
        stored({**TOKYO, "id": "home"}, {**BERLIN, "id": "home"})


def test_there_are_at_most_20_addresses():
    assert len(stored(*[TOKYO] * 20)) == 20
    with pytest.raises(ValidationError, match="at most 20"):
        stored(*[TOKYO] * 21)


@pytest.mark.parametrize("written", ["+81 3-1234-5678", "+81(3)1234.5678", wide("+81312345678")])
def test_a_phone_number_is_kept_as_its_digits(written):
    assert stored({**TOKYO, "phone": written})[0]["phone"] == "+81312345678"


TEXTS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=200)
ADDRESSES = st.fixed_dictionaries(
    {"name": TEXTS, "streetAddress": TEXTS},
    optional={"label": TEXTS, "building": TEXTS, "cityArea": TEXTS, "isDefault": st.just(value=False)},
)


@given(st.lists(st.tuples(st.sampled_from([TOKYO, BERLIN]), ADDRESSES), max_size=20))
def test_addresses_that_were_read_can_be_written_back_and_are_the_same(parts):
    first = stored(*({**address, **more} for address, more in parts))
    assert stored(*first) == first
