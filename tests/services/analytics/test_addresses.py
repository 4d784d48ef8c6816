import pytest

from services.analytics.addresses import MAX_ADDRESS, without_email, without_personal


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("https://shop.example/tea", "https://shop.example/tea"),
        ("/tea?page=2", "/tea"),
        ("https://shop.example/reset?token=s3cret&utm_source=mail", "https://shop.example/reset?utm_source=mail"),
        ("https://shop.example/?utm_source=a&email=b%40c.example&utm_medium=d", "https://shop.example/?utm_source=a&utm_medium=d"),
        ("https://shop.example/?utm_content=anna%40example.com", "https://shop.example/"),
        ("https://shop.example/#/account?token=s3cret", "https://shop.example/"),
        ("https://anna:s3cret@shop.example/tea", "https://shop.example/tea"),
        ("https://a@b@shop.example/tea", "https://shop.example/tea"),
        ("/unsubscribe/anna@example.com/now", "/unsubscribe/[email]/now"),
        ("/unsubscribe/anna%40example.com", "/unsubscribe/[email]"),
        ("/unsubscribe/anna%2540example.com", "/unsubscribe/[email]"),
        ("/unsubscribe/anna\uff20example.com", "/unsubscribe/[email]"),
        ("/unsubscribe/anna%EF%BC%A0example.com", "/unsubscribe/[email]"),
        ("/cart;jsessionid=AB/now;v=1?a=b", "/cart/now"),
        ("/?utm_content=1;token=s3cret;utm_term=2", "/?utm_content=1&utm_term=2"),
        ("/@teashop", "/@teashop"),
        ("android-app://com.google.android.gm/", "android-app://com.google.android.gm/"),
        ("", ""),
    ],
)  # fmt: skip
def test_of_an_address_what_may_identify_a_person_goes(given, kept):
    assert without_personal(given) == kept


@pytest.mark.parametrize(
    ("given", "kept"),
    [("spring", "spring"), ("@teashop", "@teashop"), ("anna@example.com", "[email]"), ("anna%40b.example", "[email]")],
)
def test_of_a_campaign_an_email_address_goes(given, kept):
    assert without_email(given) == kept


@pytest.mark.parametrize("address", ["/" + "a" * 8_000, "/?utm_source=" + "a" * 8_000, "/" + "a" * 1_995 + "?utm_a=b"])
def test_it_is_cut_to_what_the_contract_takes(address):
    assert without_personal(address) == address[:MAX_ADDRESS]


@pytest.mark.parametrize(
    "address",
    [
        "/?utm_a=" + "a" * 1_000_000,
        "/@/" + "a" * 1_000_000,
        "//a" * 300_000 + "/a@",
        "/;" * 500_000,
        "/%" + "25" * 500_000,
    ],
)
def test_a_long_one_does_not_take_the_square_of_its_length(address):
    assert len(without_personal(address)) <= MAX_ADDRESS
