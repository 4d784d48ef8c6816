"""One suite over both stores: a folder, and S3 as moto's server speaks it."""

import uuid

import pytest
import pytest_asyncio

from services.catalog.images.object_store import StoreUnavailable
from services.catalog.images.object_store_folder import FolderStore
from services.catalog.images.object_store_s3 import S3Store
from stack.parts.process import free_port
from tests.moto import REGION, credentials
from tests.services.catalog.s3 import S3

pytestmark = pytest.mark.asyncio(loop_scope="module")
NAME = "0123456789abcdef0123456789abcdef.webp"


@pytest.fixture(scope="module")
def s3(tmp_path_factory):
    with credentials(), S3(tmp_path_factory.mktemp("s3")) as server:
        yield server


@pytest_asyncio.fixture(params=["folder", "s3"], loop_scope="module")
async def store(request, tmp_path):
    """A store without files."""
    if request.param == "folder":
        store = FolderStore(tmp_path / "made later")
    else:
        server, bucket = request.getfixturevalue("s3"), f"b{uuid.uuid4()}"
        server.new_bucket(bucket)
        store = S3Store(bucket, REGION, server.url)
    yield store
    await store.close()


@pytest_asyncio.fixture(params=["folder", "s3", "s3 without the bucket"], loop_scope="module")
async def broken(request, tmp_path):
    """A store that cannot be used: a file stands in the folder's place; nobody listens; nobody made the bucket."""
    if request.param == "folder":
        (tmp_path / "taken").write_text("")
        store = FolderStore(tmp_path / "taken")
    else:
        with credentials():
            url = f"http://127.0.0.1:{free_port()}" if request.param == "s3" else request.getfixturevalue("s3").url
            store = S3Store("absent", REGION, url)
    yield store
    await store.close()


async def test_what_was_put_is_there_byte_by_byte(store):
    await store.put(NAME, bytes(range(256)) * 500)
    assert await store.get(NAME) == bytes(range(256)) * 500


async def test_what_was_never_put_is_none(store):
    assert await store.get(NAME) is None


async def test_a_name_may_be_put_again(store):
    for _ in range(2):
        await store.put(NAME, b"the same")
    assert await store.get(NAME) == b"the same"


async def test_what_was_deleted_is_gone_and_the_rest_stays(store):
    other = f"f{NAME}"
    for name in (NAME, other):
        await store.put(name, b"content")
    await store.delete([NAME, f"e{NAME}"])
    assert (await store.get(NAME), await store.get(other)) == (None, b"content")


async def test_a_store_that_answers_passes_its_check(store):
    await store.check()


@pytest.mark.parametrize("call", ["put", "get", "delete", "check"])
async def test_a_store_that_cannot_be_used_says_so(broken, call):
    arguments = {"put": (NAME, b"content"), "get": (NAME,), "delete": ([NAME],), "check": ()}[call]
    with pytest.raises(StoreUnavailable):
        await getattr(broken, call)(*arguments)
