import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.contracts.card_numbers import MASK, has_card_number, masked, no_card_number

CARDS = (
    *("4242424242424242", "4000056655665556", "5555555555554444", "2223003122003222", "5200828282828210"),
    *("378282246310005", "371449635398431", "6011111111111117", "3056930009020004", "36227206271667"),
    *("3566002020360505", "6200000000000005"),
)


WIDE = "".join(chr(ord("\uff10") + int(digit)) for digit in CARDS[0])
"""The first one in full-width digits."""


@pytest.mark.parametrize("card", CARDS)
def test_the_cards_of_all_issuers_are_found(card):
    assert has_card_number(card)


@pytest.mark.parametrize(
    "written",
    [
        *("4242 4242 4242 4242", "4242-4242-4242-4242", "my card is 4242.4242.4242.4242, thanks", "x4242424242424242y"),
        *("4242 - 4242 - 4242 - 4242", WIDE, "\u3000".join([WIDE[:4]] * 4), "4242\n4242\u202f4242\u20134242"),
        *(
            "4242 4242 4242 4242 123",
            "12/28 4242 4242 4242 4242",
            "No. 5 4242424242424242 12 28",
            "7-3782-822463-10005",
        ),
        *("+4242424242424242", "4242424242424242 4000056655665556", "1234 4242 4242 4242 4242 1234"),
    ],
)
def test_a_card_number_is_found_however_it_is_written(written):
    assert has_card_number(written)


@pytest.mark.parametrize("unseen", "\u00ad\u200b\u200e\u202d\u2060\ufeff")
def test_a_card_number_is_found_between_signs_that_nobody_sees(unseen):
    assert has_card_number(unseen.join(["4242"] * 4))
    assert masked(f"it is {unseen.join(CARDS[0])}.") == f"it is {MASK}."


@pytest.mark.parametrize(
    "text",
    [
        *("4242424242424243", "1234567890123", "2026-11-27 19:52:45", "4901234567894", "+4242424242424", ""),
        *("order 8000000000000001", "0000000000000000", "42424242424242424242", "978-4-06-519981-8"),
        *("03-1234-5678 090-1234-5678", "1 4 2 4 2 4 2 4 2 4 2 4 2 4 2 4 2", "69092053-2763-4893-8d17-257bdf02a2a9"),
    ],
)
def test_what_is_no_card_number_is_left_alone(text):
    assert no_card_number(text) == text
    assert masked(text) == text


def test_a_phone_number_may_look_like_a_card_number_and_is_masked_all_the_same():
    assert (has_card_number("+378282246310005"), masked("+378282246310005")) == (False, f"+{MASK}")


def test_a_text_is_masked_and_its_rest_stays():
    assert masked("pay 4242 4242 4242 4242 now, or 4242424242424243") == f"pay {MASK} now, or 4242424242424243"


def test_the_message_does_not_repeat_the_number():
    with pytest.raises(ValueError, match="must not contain a card number") as refused:
        no_card_number("4242424242424242")
    assert "4242" not in str(refused.value)


@given(
    st.sampled_from(CARDS), st.text(st.characters(exclude_categories=["Nd"], exclude_characters="+-._ \u00a0\u3000"))
)
def test_no_text_hides_a_card_number(card, text):
    assert has_card_number(f"{text}{card}{text}")
    assert card not in masked(f"{text}{card}{text}")
