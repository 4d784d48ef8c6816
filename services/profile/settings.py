"""Settings of the profile service."""

from services.common.runtime.settings import ServiceSettings


class ProfileSettings(ServiceSettings, env_prefix="PROFILE_"):
    """PROFILE_DATABASE_URL, and the settings of every service."""

    service: str = "profile"
    database_url: str
