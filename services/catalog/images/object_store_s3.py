"""Files in a bucket of Amazon S3, or of what speaks its protocol. Credentials come from boto3's usual places."""

import asyncio
import logging
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, Final

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from services.catalog.images.object_store import StoreUnavailable

logger = logging.getLogger(__name__)
THREADS: Final = 16
MOST_SECONDS: Final = 10.0
MOST_DELETED: Final = 1_000
TIMES: Final = {
    "connect_timeout": 2,
    "read_timeout": 4,
    "retries": {"mode": "standard", "total_max_attempts": 2},
    "max_pool_connections": THREADS,
}
MISSING: Final = frozenset({"NoSuchKey", "404"})


class S3Store:
    """A bucket, called in threads of its own.

    Args:
        bucket: its name; it exists.
        region: its region; None for boto3's own.
        endpoint_url: another address of the API, whose buckets are paths.
    """

    def __init__(self, bucket: str, region: str | None = None, endpoint_url: str | None = None) -> None:
        style = {"s3": {"addressing_style": "path"}} if endpoint_url else {}
        self._bucket = bucket
        self._threads = ThreadPoolExecutor(THREADS, "s3")
        self._client: Any = boto3.client(
            "s3", region_name=region, endpoint_url=endpoint_url, config=Config(**TIMES, **style)
        )

    async def put(self, name: str, content: bytes) -> None:
        """Write an object."""
        await self._call(self._client.put_object, Key=name, Body=content, ContentType="image/webp")

    async def get(self, name: str) -> bytes | None:
        """Read an object."""
        content: bytes | None = await self._do(partial(self._read, name))
        return content

    async def delete(self, names: Sequence[str]) -> None:
        """Delete objects.

        Raises:
            StoreUnavailable: one of them is still there, or S3 does not answer.
        """
        for start in range(0, len(names), MOST_DELETED):
            objects = [{"Key": name} for name in names[start : start + MOST_DELETED]]
            answer = await self._call(self._client.delete_objects, Delete={"Objects": objects, "Quiet": True})
            if errors := answer.get("Errors"):
                logger.warning("S3 did not delete %d objects: %s", len(errors), errors[0].get("Code"))
                raise StoreUnavailable("S3 did not delete everything.")

    async def check(self) -> None:
        """Ask for the bucket."""
        await self._call(self._client.head_bucket)

    async def close(self) -> None:
        """End the threads."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._client.close()

    def _read(self, name: str) -> bytes | None:
        try:
            answer = self._client.get_object(Bucket=self._bucket, Key=name)
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") in MISSING:
                return None
            raise
        with answer["Body"] as body:
            content: bytes = body.read()
        return content

    async def _call(self, call: Any, **given: Any) -> Any:  # noqa: ANN401 - boto3 makes its methods at run time
        return await self._do(partial(call, Bucket=self._bucket, **given))

    async def _do(self, call: Any) -> Any:  # noqa: ANN401
        try:
            async with asyncio.timeout(MOST_SECONDS):
                return await asyncio.get_running_loop().run_in_executor(self._threads, call)
        except ClientError as error:
            logger.warning("S3 refused: %s", error.response.get("Error", {}).get("Code"))
            raise StoreUnavailable("S3 does not answer as it should.") from error
        except (BotoCoreError, TimeoutError, OSError) as error:
            logger.warning("S3 is not reachable: %s", type(error).__name__)
            raise StoreUnavailable("S3 is not reachable.") from error
