"""The embedded Postgres makes its data whole, or not at all."""

import psycopg
import pytest

from stack.parts.postgres import Postgres
from stack.parts.process import PartError


def test_data_that_was_cut_off_while_it_was_made_is_made_anew(tmp_path):
    half = tmp_path / "data.new"
    half.mkdir()
    (half / "PG_VERSION").write_text("18\n")
    with Postgres(tmp_path / "data", password="p") as server, psycopg.connect(server.url()) as connection:
        assert connection.execute("select 1").fetchone() == (1,)
    assert not half.exists()


def test_a_directory_of_something_else_is_left_alone(tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "thesis.txt").write_text("mine")
    with pytest.raises(PartError, match="contains files that are not Postgres data"):
        Postgres(tmp_path / "data", password="p").spawn()
    assert (tmp_path / "data" / "thesis.txt").read_text() == "mine"
