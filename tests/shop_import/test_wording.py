import pytest

from shop_import.wording import counted, size, title, unique_names


@pytest.mark.parametrize(
    ("raw", "readable"),
    [
        ("BREAD:ITALIAN/FRENCH", "Bread: Italian/French"),
        ("FRZN ICE", "FRZN Ice"),
        ("CHILDREN'S  BOOKS", "Children's Books"),
        ("BEANS - CANNED GLASS & MW", "Beans - Canned Glass & MW"),
        ("APPLE JUICE & CIDER (OVER 50%", "Apple Juice & Cider (over 50%)"),
    ],
)
def test_a_title_reads_like_words_and_leaves_abbreviations(raw, readable):
    assert title(raw) == readable


@pytest.mark.parametrize(
    ("number", "what", "told"),
    [
        (1, "cancelled_orders", "1 cancelled order"),
        (1, "orders_left_out", "1 order left out"),
        (1, "categories", "1 category"),
        (1, "processes", "1 process"),
        (1, "shelves", "1 shelf"),
        (1, "orders.v1", "1 orders.v1"),
        (1, "landed", "1 landed"),
        (0, "returns", "0 returns"),
        (1200, "order_lines", "1,200 order lines"),
    ],
)
def test_a_count_of_one_is_singular(number, what, told):
    assert counted(number, what) == told


def test_a_size_is_kept_and_a_code_is_not():
    assert size("750    ML") == "750 ml"
    assert size("971820  PK") == ""


def paths_named(*codes):
    return unique_names({code: code.split(" > ") for code in codes})


def test_a_name_that_two_branches_share_carries_its_parent():
    names = paths_named("Deli", "Deli > Misc", "Grocery", "Grocery > Misc", "Grocery > Eggs")
    assert names == {
        "Deli": "Deli",
        "Deli > Misc": "Misc (Deli)",
        "Grocery": "Grocery",
        "Grocery > Misc": "Misc (Grocery)",
        "Grocery > Eggs": "Eggs",
    }


def test_a_name_carries_as_many_parents_as_it_takes():
    names = paths_named("A", "B", "A > X", "B > X", "A > X > Y", "B > X > Y")
    assert names["A > X > Y"] == "Y (X, A)"
    assert len(set(names.values())) == 6
