"""Settings of analytics."""

from services.common.runtime.settings import ServiceSettings


class AnalyticsSettings(ServiceSettings, env_prefix="ANALYTICS_"):
    """ANALYTICS_DATABASE_URL, and what every service may be told."""

    service: str = "analytics"
    database_url: str
