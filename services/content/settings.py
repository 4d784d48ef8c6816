"""Settings of the content service."""

from typing import Annotated

from pydantic import Field

from services.common.runtime.settings import ServiceSettings


class ContentSettings(ServiceSettings, env_prefix="CONTENT_"):
    """CONTENT_DATABASE_URL, CONTENT_KEPT_GENERATIONS, catalog's address, and the settings of every service."""

    service: str = "content"
    database_url: str
    catalog_url: str = Field("http://127.0.0.1:8001", validation_alias="CATALOG_URL")
    kept_generations: Annotated[int, Field(ge=2)] = 5
    """How many loaded generations are kept; the active one and the previous one always are."""
