"""What catalog asks of serving: in which order a shopper would rather have some products."""

import logging
from collections.abc import Sequence
from urllib.parse import quote

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel

from services.common.runtime.answers import CallFailedError
from services.common.runtime.http_client import ServiceClient

logger = logging.getLogger(__name__)


class _Ranking(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel)

    product_ids: list[int]
    is_personalised: bool


class Serving:
    """Serving, asked with the shopper's own token; without a client it knows nobody."""

    def __init__(self, client: ServiceClient | None) -> None:
        self._client = client

    async def ranked(self, user_id: str, product_ids: Sequence[int], authorization: str) -> list[int] | None:
        """The products in the order of the user's taste; None if it is unknown, or serving does not answer in time."""
        if self._client is None or not product_ids:
            return None
        path, params = f"/v1/users/{quote(user_id, safe='')}/ranking", {"productIds": list(product_ids)}
        try:
            headers = {"Authorization": authorization}
            ranking = await self._client.read(_Ranking, "GET", path, params=params, headers=headers)
        except CallFailedError as error:
            logger.debug("serving does not rank: %s", error)
            return None
        return ranking.product_ids if ranking.is_personalised else None

    async def close(self) -> None:
        """Close the connections."""
        if self._client is not None:
            await self._client.close()
