from datetime import UTC, datetime

import pytest

from ml.bundle.files import Manifest
from stack import storefront
from stack.environment import Environment
from stack.files import write_json
from stack.programs import program_ports

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("because", "said"),
    [
        (None, "The models choose the shelves for each shopper"),
        ("the models were refused as worse", "yet: the models were refused as worse. Every import compares again."),
    ],
)
def test_an_import_says_what_the_models_do_and_why_they_do_nothing(state, because, said):
    environment = Environment(state, state.ports(program_ports()), {})
    (environment.bundles / "b1").mkdir(parents=True)
    write_json(environment.bundles / "champion.json", {"bundle": "b1"})
    about = {"created_at": NOW, "data_cut": NOW, "rules_version": "1", "popularity_because": because}
    Manifest(**about, format_version=1, bundle="b1", files={}).write(environment.bundles / "b1" / "manifest.json")
    assert said in storefront.choice_in_words(storefront.popularity_because(environment))
