"""Settings of serving."""

from pathlib import Path

from pydantic import Field

from services.common.runtime.settings import ServiceSettings


class ServingSettings(ServiceSettings, env_prefix="SERVING_"):
    """`SERVING_*`, the bundles directory, and the addresses of content, catalog and the warehouse."""

    service: str = "serving"
    state: Path = Field(Path(".tanawari"), validation_alias="TANAWARI_STATE")
    bundles_dir: Path | None = Field(None, validation_alias="TANAWARI_BUNDLES")
    content_url: str = Field("http://127.0.0.1:8003", validation_alias="CONTENT_URL")
    catalog_url: str = Field("http://127.0.0.1:8001", validation_alias="CATALOG_URL")
    warehouse_url: str | None = Field(None, validation_alias="WAREHOUSE_SERVING_URL")
    content_timeout: float = 0.2
    content_watch_seconds: float = 1.0
    watch_seconds: float = 0.5

    @property
    def bundles(self) -> Path:
        """The bundles directory, which contains `champion.json`."""
        return self.bundles_dir or self.state / "bundles"
