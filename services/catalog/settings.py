"""Settings of the catalog."""

from pydantic import PositiveFloat

from services.common.runtime.settings import ServiceSettings


class CatalogSettings(ServiceSettings, env_prefix="CATALOG_"):
    """CATALOG_DATABASE_URL, and the settings of every service."""

    service: str = "catalog"
    database_url: str
    expiry_seconds: PositiveFloat = 5.0
    """How often reservations are looked for whose time is over."""
