"""Settings of the catalog."""

from pathlib import Path

from pydantic import FilePath, PositiveFloat

from services.common.runtime.settings import ServiceSettings


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
    """How long a search may take in the database."""
    synonyms_file: FilePath | None = None
    """The shop's own synonyms for the search, in addition to those that come with it."""
