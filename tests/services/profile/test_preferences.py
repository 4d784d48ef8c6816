from hypothesis import given
from hypothesis import strategies as st

from services.contracts.envelope import DisplayType
from services.profile.domain import merged
from services.profile.schemas import Preferences, UserChange

PATCHES = st.fixed_dictionaries(
    {},
    optional={
        "locale": st.sampled_from(["ja", "en-GB", "zh-Hant-TW", None]),
        "personalisation": st.none() | st.fixed_dictionaries({}, optional={"consent": st.booleans() | st.none()}),
        "shelves": st.none()
        | st.fixed_dictionaries(
            {}, optional={"optedOut": st.none() | st.lists(st.sampled_from(DisplayType), max_size=6)}
        ),
    },
)


@given(PATCHES, PATCHES)
def test_preferences_that_were_read_can_be_written_back_and_are_the_same(first, second):
    stored = None
    for patch in (first, second):
        changes = UserChange.model_validate({"preferences": patch}).changes()
        stored = merged(stored, changes["preferences"])
    read = Preferences.model_validate(stored)
    written = UserChange.model_validate({"preferences": read.model_dump(by_alias=True)}).changes()["preferences"]
    assert Preferences.model_validate(merged(stored, written)) == read
