import pytest
import yaml
from pydantic import ValidationError

from ml.shelves.rules import RULES_FILE, Rules


@pytest.fixture
def document():
    return yaml.safe_load(RULES_FILE.read_text())


def test_the_rules_name_the_candidates_that_a_bundle_must_carry():
    assert Rules.load().candidate_sources() == {"discover", "repurchase"}


def test_an_unknown_word_is_refused(document):
    document["shelves"]["SALE"]["titel"] = "x"

    with pytest.raises(ValidationError, match="titel"):
        Rules.model_validate(document)


@pytest.mark.parametrize("field", ["sources", "fallback"])
def test_a_source_that_there_is_not_is_refused_with_its_place_and_the_names_that_there_are(document, field):
    document["shelves"]["SALE"][field] = ["repurchase", "discovr"]

    with pytest.raises(ValidationError, match="no source discovr: name any of bought, categories, discover") as refused:
        Rules.model_validate(document)

    assert [error["loc"] for error in refused.value.errors()] == [("shelves", "SALE", field)]


def test_an_unknown_shelf_is_refused(document):
    document["shelves"]["BARGAIN"] = document["shelves"]["SALE"]

    with pytest.raises(ValidationError, match="BARGAIN"):
        Rules.model_validate(document)


def test_a_page_names_each_shelf_once(document):
    document["page"].append("SALE")

    with pytest.raises(ValidationError, match="each of `shelves` once"):
        Rules.model_validate(document)


def test_a_reason_names_only_what_is_known(document):
    document["reasons"]["due"] = "Every {weeks} weeks"

    with pytest.raises(ValidationError, match="weeks"):
        Rules.model_validate(document)


def test_the_version_follows_the_content(document):
    before = Rules.model_validate(document).version
    document["session_weight"] = 1.5

    assert Rules.load().version == before
    assert Rules.model_validate(document).version != before
