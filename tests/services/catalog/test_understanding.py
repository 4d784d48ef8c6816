"""What a search asks for, by words given here or those of the labelled products: no index, no server."""

from collections import Counter

import pytest

from benchmarks.labelled_searches import shop
from services.catalog.search.analysis import Analyzer
from services.catalog.search.dictionary import Dictionary
from services.catalog.search.documents import Reader, Source
from services.catalog.search.understanding import Understanding
from services.catalog.search.vocabulary import Entry, Vocabulary
from services.catalog.settings import CatalogSettings
from services.contracts.setting_errors import SettingError


@pytest.fixture(scope="module")
def analyzer():
    return Analyzer()


@pytest.fixture(scope="module")
def dictionary(analyzer):
    return Dictionary.load(analyzer)


def test_japanese_marks_part_words_and_what_is_no_single_word_is_told_by_its_line(analyzer, tmp_path, caplog):
    own = tmp_path / "own.txt"
    wide = {"comma": "\N{FULLWIDTH COMMA}", "more": "\N{FULLWIDTH GREATER-THAN SIGN}"}
    text = "抱き枕、ボディピロー{comma}body pillow\n# none\n寝具 {more} 枕\n赤ちゃんの服, ベビー服\n"
    own.write_text(text.format(**wide), encoding="utf-8-sig")
    mine = Dictionary.load(analyzer, own)
    (message,) = caplog.messages
    assert message.endswith("ignored: line 4: 赤ちゃんの服")
    key, kind, general = (next(mine._keys(each)) for each in ("抱き枕", "枕", "寝具"))
    assert "body pillow" in mine.related(key).same
    assert kind in mine.related(general).kinds


def test_a_file_of_synonyms_in_another_encoding_is_an_error_of_the_setting_in_one_line(tmp_path):
    own = tmp_path / "own.txt"
    own.write_bytes("抱き枕".encode("cp932"))
    with pytest.raises(SettingError, match=r"is not UTF-8 from byte 1 on: save it as UTF-8"):
        CatalogSettings(database_url="postgresql://x", synonyms_file=own)


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


def test_a_name_with_a_number_is_one_word_where_the_index_has_it(analyzer, dictionary):
    entries = [Entry("private 69", "private 69", "Private 69", 50, 50), Entry("private", "private", "private", 0, 60)]
    plan = Understanding(analyzer, dictionary, Vocabulary(entries, 100)).plan("Private 69 private 70")
    assert [list(each.words)[:1] for each in plan.concepts] == [["private 69"], ["private"], ["70"]]


@pytest.mark.parametrize("text", ["Acme wine", "wine Acme"])
def test_of_two_things_alike_the_rarer_is_what_is_meant(analyzer, dictionary, text):
    entries = [Entry("acme", "acme", "Acme", 90, 90), Entry("wine", "wine", "wine", 19, 20)]
    plan = Understanding(analyzer, dictionary, Vocabulary(entries, 100)).plan(text)
    assert "wine" in plan.concepts[plan.head].words


@pytest.mark.parametrize("text", ["hedphones", "headphnes", "hedphone"])
def test_an_english_plural_is_corrected_as_its_singular_is(analyzer, dictionary, text):
    entries = [Entry("headphone", "headphone", "headphone", 5, 9)]
    assert Understanding(analyzer, dictionary, Vocabulary(entries, 100)).plan(text).corrected_to == "headphone"


def test_a_word_that_is_said_twice_counts_once(analyzer, dictionary):
    entries = [Entry("緑茶", "リョクチャ", "緑茶", 5, 9), Entry("急須", "キュウス", "急須", 5, 9)]
    plan = Understanding(analyzer, dictionary, Vocabulary(entries, 100)).plan("緑茶 急須 緑茶")
    assert [next(iter(each.words)) for each in plan.concepts] == ["緑茶", "急須"]


class Compared(str):
    times = 0
    __slots__ = ()
    __hash__ = str.__hash__

    def __eq__(self, other):
        Compared.times += 1
        return str.__eq__(self, other)


def test_a_new_word_is_found_by_its_beginning_and_compared_with_few_of_those_there_are():
    words = [Compared(f"w{i}") for i in range(2_000)]
    vocabulary = Vocabulary([Entry(word, word, word, 1, 1) for word in words], 100)
    Compared.times = 0
    vocabulary.add([Entry("w10x", "w10x", "w10x", 1, 1)])
    assert Compared.times < 50
    assert [entry.key for entry in vocabulary.beginning("w10", 3)] == ["w10", "w100", "w1000"]
    assert [entry.key for entry in vocabulary.beginning("w10x", 3)] == ["w10x"]


def test_long_texts_are_not_remembered(analyzer):
    def remembered():
        return analyzer._remembered.cache_info().currsize

    before = remembered()
    analyzer.read("猫" * 21)
    assert remembered() == before
    analyzer.read("鏡" * 20)
    assert remembered() == before + 1


@pytest.fixture(scope="module")
def understanding(analyzer, dictionary):
    """Knows the words of the labelled products."""
    reader, words, heads, counts = Reader(analyzer), {}, Counter(), Counter()
    _, _, products = shop()
    for each in products:
        path = each["categoryCodes"][0].split(" > ")
        found = reader.terms(Source(each["name"], brand=each["brand"], keywords=each["keywords"], categories=[path]))
        words |= {key: word for key, word in found.words.items() if not word.is_code}
        counts.update(found.tiers.keys())
        heads.update(key for key, tier in found.tiers.items() if tier in "AB")
    entries = [Entry(key, word.reading, word.surface, heads[key], counts[key]) for key, word in words.items()]
    return Understanding(analyzer, dictionary, Vocabulary(entries, len(products)))


@pytest.mark.parametrize(
    ("text", "asked"),
    [
        *[(written, ["コーヒー"]) for written in ("コーヒー", "ｺｰﾋｰ", "こーひー", "珈琲", "ko-hi-", "coffee")],
        *[("ぎゅうにゅう", ["牛乳"]), ("syanpu-", ["シャンプー"])],  # as it sounds, in kana and in Latin letters
        *[("しょうy", ["醤油"]), ("シャンプ", ["シャンプー"])],  # while it is typed
        *[("シャンフー", ["シャンプー"]), ("フライバン", ["フライパン"])],  # mistyped
        *[("cat food", ["キャットフード"]), ("ちり紙", ["ティッシュペーパー"])],  # by another name
        *[("1500ミリ", ["1500ml"]), ("緑茶 1.5L", ["緑茶", "1500ml"])],
        *[("単三", ["単3"]), ("単３電池", ["単3", "電池"])],
        *[("緑茶を買いたい", ["緑茶"]), ("人気の緑茶", ["緑茶"])],  # with what says nothing
        *[("猫用 おやつ", ["猫用", "御八ツ"]), ("パン", ["パン"]), ("油", ["油"])],
        ("航空券", []),
    ],
)
def test_a_search_asks_for_things_however_they_are_written(understanding, text, asked):
    plan = understanding.plan(text)
    said = [{key for key, worth in each.words.items() if worth == max(each.words.values())} for each in plan.concepts]
    assert len(said) == len(asked)
    assert all(key in keys for key, keys in zip(asked, said, strict=True)), said
    assert plan.is_confident is bool(asked)


def test_the_thing_itself_must_be_found_and_what_describes_it_only_should(understanding):
    plan = understanding.plan("無糖 コーヒー 500ml")
    assert (len(plan.concepts), "コーヒー" in plan.concepts[plan.head].words) == (3, True)


@pytest.mark.parametrize(("typed", "meant"), [("フライバン", "フライパン"), ("フライパン", None), ("シャンプ", None)])
def test_only_what_was_mistyped_is_said_to_be_corrected(understanding, typed, meant):
    assert understanding.plan(typed).corrected_to == meant


@pytest.mark.parametrize("text", ["㌁" * 200, "ﷺ" * 200, "猫" * 61, "\x01", "\x7f "])
def test_what_is_longer_than_any_word_or_none_is_no_sku(understanding, text):
    assert understanding.as_code(text) is None
