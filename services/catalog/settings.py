"""Settings of the catalog."""

from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field, FilePath, PositiveFloat

from services.catalog.search.opensearch import INDEX
from services.common.runtime.settings import ServiceSettings


def _in_utf_8(file: Path) -> Path:
    try:
        file.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(f"is not UTF-8 from byte {error.start + 1} on: save it as UTF-8") from None
    return file


class CatalogSettings(ServiceSettings, env_prefix="CATALOG_"):
    """CATALOG_DATABASE_URL, and the settings of every service."""

    service: str = "catalog"
    database_url: str
    expiry_seconds: PositiveFloat = 5.0
    """How often reservations are looked for whose time is over."""
    images_folder: Path = Path("images")
    """Where images are kept, unless a bucket is named; it is shared by all processes of the catalog."""
    images_bucket: str | None = None
    images_region: str | None = None
    images_endpoint_url: str | None = None
    image_sweep_seconds: PositiveFloat = 3600
    """How often images are looked for that no product names."""
    search_seconds: PositiveFloat = 2.0
    """How long a search may take in its index."""
    search_url: str | None = None
    """Where OpenSearch is, with user and password if it wants them; without, the catalog's database is searched."""
    search_index: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,99}$")] = INDEX
    """The name of the index there, of which a rebuild makes another."""
    synonyms_file: Annotated[FilePath, AfterValidator(_in_utf_8)] | None = None
    """The shop's own synonyms for the search, in addition to those that come with it."""
    serving_url: str | None = Field(None, validation_alias="SERVING_URL")
    """Where serving is, to be asked how a shopper would rather have what was found; None: nobody is asked."""
    ranking_seconds: PositiveFloat = 0.05
    """How long a search waits for it."""
