"""Settings of analytics."""

from services.common.runtime.settings import ServiceSettings


class AnalyticsSettings(ServiceSettings, env_prefix="ANALYTICS_"):
    """ANALYTICS_DATABASE_URL, and the settings of every service."""

    service: str = "analytics"
    database_url: str
