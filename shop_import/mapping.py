"""`mapping.yaml`: maps a shop's own files, columns and values to ours."""

import difflib
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from zoneinfo import ZoneInfo, available_timezones

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from services.contracts.money import digits_of
from shop_import.attributes import COLUMN
from shop_import.columns import ACTION_TYPES, FILES
from shop_import.folder import FolderError

FILE_NAME = "mapping.yaml"


def _zone(name: str) -> str:
    if name not in available_timezones():
        near = difflib.get_close_matches(name, available_timezones(), n=3, cutoff=0.5)
        raise ValueError(f"{name} is not a time zone; similar: {', '.join(near) or 'none'} (e.g. Asia/Tokyo, UTC)")
    return name


Zone = Annotated[str, AfterValidator(_zone)]
Currency = Annotated[str, Field(pattern=r"^[A-Z]{3}$")]


class Strict(BaseModel):
    """Refuses unknown fields."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class FileMapping(Strict):
    """One file.

    Attributes:
        file: its name in the folder. Default: the documented name with any known extension.
        encoding: of text. Default: UTF-8 or CP932, whichever fits.
        delimiter: of CSV. Default: comma, tab or semicolon, whichever is most frequent in the first line.
        decimal: the decimal separator.
        date_format: of times, for strptime. Default: ISO 8601 and similar.
        columns: our column -> your column.
        constants: our column -> one value for all rows.
        repeated: what to do with an item that appears again with other values: refuse it, or use the last.
        types: your action type -> ours.
    """

    file: str | None = None
    encoding: str | None = None
    delimiter: Annotated[str, Field(min_length=1, max_length=1)] | None = None
    decimal: Literal[".", ","] = "."
    date_format: str | None = None
    columns: dict[str, str] = {}
    constants: dict[str, str | int | float | bool] = {}
    repeated: Literal["refuse", "last"] = "refuse"
    types: dict[str, str] = {}


class Mapping(Strict):
    """The whole file; every key is optional."""

    name: str | None = None
    timezone: Zone | None = None
    currency: Currency | None = None
    categories: FileMapping = FileMapping()
    items: FileMapping = FileMapping()
    orders: FileMapping = FileMapping()
    actions: FileMapping = FileMapping()

    @model_validator(mode="after")
    def _names_what_there_is(self) -> Self:
        for name, file in FILES.items():
            mapping = self.of(name)
            for key in ("columns", "constants"):
                ours = [each for each in getattr(mapping, key) if not (key == "columns" and COLUMN.fullmatch(each))]
                _known(f"{name}.{key}", ours, [column.name for column in file.columns])
            if twice := mapping.columns.keys() & mapping.constants.keys():
                raise ValueError(f"{name}: {min(twice)} is both a column and a constant")
            _known(f"{name}.types", mapping.types.values(), ACTION_TYPES)
        return self

    def of(self, file: str) -> FileMapping:
        """The mapping of one file."""
        found: FileMapping = getattr(self, file)
        return found


class Shop(Strict):
    """The settings for all files of a shop."""

    name: str
    timezone: Zone
    currency: Currency

    @property
    def zone(self) -> ZoneInfo:
        """Its time zone."""
        return ZoneInfo(self.timezone)

    @property
    def minor_digits(self) -> int:
        """The number of decimals of an amount."""
        return digits_of(self.currency)


def read_mapping(file: Path) -> Mapping:
    """Read a mapping.

    Raises:
        FolderError: it is not YAML, or has unknown keys; the message names them and the valid ones.
    """
    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
        return Mapping.model_validate(content or {})
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise FolderError(f"{file} is not YAML in UTF-8: {error}") from error
    except OSError as error:
        raise FolderError(f"{file} cannot be read: {error.strerror}") from error
    except ValidationError as error:
        raise FolderError(f"{file}: " + "; ".join(map(_told, error.errors()))) from error


def _told(fault: Any) -> str:  # noqa: ANN401 - pydantic's own dictionary
    path = ".".join(map(str, fault["loc"]))
    if fault["type"] == "extra_forbidden":
        model = FileMapping if len(fault["loc"]) > 1 else Mapping
        return f"{path} is not known; available: {', '.join(model.model_fields)}"
    message = fault["msg"].removeprefix("Value error, ")
    return f"{path}: {message}" if path else message


def _known(place: str, names: Any, there_are: Any) -> None:  # noqa: ANN401 - any collection of texts
    for name in names:
        if name not in there_are:
            raise ValueError(f"{place}: {name} is not known; available: {', '.join(there_are)}")
