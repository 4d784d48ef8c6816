import pytest

from pipelines.dbt import command_of, main


@pytest.mark.parametrize(
    ("arguments", "command"),
    [
        (["build", "--select", "run"], "build"),
        (["--log-level", "debug", "build"], "build"),
        (["--log-level=debug", "--no-use-colors", "--target", "run", "ls"], "ls"),
        (["--no-such-option", "build"], ""),  # dbt itself reports it
        (["--version"], ""),
        ([], ""),
    ],
)
def test_the_command_is_the_first_word_that_is_no_option_or_its_value(arguments, command):
    assert command_of(arguments) == command


@pytest.mark.parametrize("text", ["{a: [", "a", "[a, b]", ""])
def test_variables_that_are_no_mapping_are_refused_in_a_line(capsys, monkeypatch, text):
    monkeypatch.setenv("WAREHOUSE_DBT_URL", "postgresql://tanawari_dbt@127.0.0.1:1/warehouse")
    assert main(["build", "--vars", text]) == 1
    assert capsys.readouterr().err.startswith("--vars must be a mapping in YAML, e.g. --vars '{name: value}', not ")
