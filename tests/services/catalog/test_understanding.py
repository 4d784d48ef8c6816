"""What a search asks for, by words given here: no index, no server."""

import pytest

from services.catalog.search.analysis import Analyzer
from services.catalog.search.dictionary import Dictionary
from services.catalog.search.understanding import Understanding
from services.catalog.search.vocabulary import Entry, Vocabulary


@pytest.fixture(scope="module")
def analyzer():
    return Analyzer()


@pytest.fixture(scope="module")
def dictionary(analyzer):
    return Dictionary.load(analyzer)


class Counting(Vocabulary):
    looked_up = 0

    def get(self, key):
        self.looked_up += 1
        return super().get(key)


@pytest.mark.parametrize("text", ["猫" * 200, "㍿" * 200, "鍋箱鏡棚" * 50])
def test_a_search_takes_time_by_its_length_and_not_by_the_square_of_it(analyzer, dictionary, text):
    vocabulary = Counting([Entry("緑茶", "リョクチャ", "緑茶", 5, 9)], 100)
    Understanding(analyzer, dictionary, vocabulary).plan(text)
    assert vocabulary.looked_up < 1_000


@pytest.mark.parametrize(
    ("text", "asked"), [("人気 緑茶", ["緑茶"]), ("人気緑茶", ["緑茶"]), ("人気", ["人気"]), ("おすすめ", [])]
)
def test_noise_counts_only_if_nothing_else_is_left(analyzer, dictionary, text, asked):
    entries = [Entry("緑茶", "リョクチャ", "緑茶", 5, 9), Entry("人気", "ニンキ", "人気", 1, 3)]
    plan = Understanding(analyzer, dictionary, Vocabulary(entries, 100)).plan(text)
    assert ([next(iter(each.words)) for each in plan.concepts], plan.is_confident) == (asked, True)


def test_long_texts_are_not_remembered(analyzer):
    def remembered():
        return analyzer._remembered.cache_info().currsize

    before = remembered()
    analyzer.read("猫" * 21)
    assert remembered() == before
    analyzer.read("鏡" * 20)
    assert remembered() == before + 1
