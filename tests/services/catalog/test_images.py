import asyncio
from functools import partial

import pytest

from services.catalog.app import create_app
from services.catalog.images.images import Images, address_of
from services.catalog.images.models import StoredImage
from services.catalog.images.object_store_folder import FolderStore
from tests.services.catalog.hostile_images import drawing, saved
from tests.services.in_process import client_of

pytestmark = pytest.mark.asyncio(loop_scope="module")
FOREVER = "public, max-age=31536000, immutable"


def picture(width=64, kind="PNG"):
    """A picture; another one for each width."""
    return saved(drawing((width, 48)), kind)


@pytest.fixture
def product(client):
    """A new product's path."""

    async def new(sku, **more):
        answer = await client.post("/v1/products", json={"sku": sku, "name": "Tea", "price": "2.00", **more})
        assert answer.status_code == 201, answer.text
        return f"/v1/products/{answer.json()['id']}"

    return new


@pytest.fixture
def upload(client):
    """Uploads pictures of these widths; gives what was answered."""

    async def send(path, *widths):
        answers = [await client.post(f"{path}/images", content=picture(width)) for width in widths]
        assert [each.status_code for each in answers] == [201] * len(widths), answers[-1].text
        return [each.json() for each in answers]

    return send


@pytest.fixture
def images(settings, service_database):
    return Images(service_database, FolderStore(settings.images_folder))


async def test_an_uploaded_image_is_the_products_and_everybody_can_load_it(client, product, upload):
    path = await product("pictured")
    (image,) = await upload(path, 900)
    assert (await client.get(path)).json()["images"] == [image["address"]]
    for address in (image["address"], *(each["address"] for each in image["sizes"])):
        answer = await client.get(address, auth=None)
        assert (answer.status_code, answer.headers["content-type"]) == (200, "image/webp")
        assert (answer.headers["cache-control"], answer.headers["x-content-type-options"]) == (FOREVER, "nosniff")


async def test_the_first_image_is_the_products_image_and_events_have_all(product, upload, events):
    path = await product("two pictures")
    one, two = await upload(path, 10, 20)
    kind, data = events(path.rpartition("/")[2])[-1]
    assert (kind, data["image"]) == ("PRODUCT_UPDATED", one["address"])
    assert data["images"] == [one["address"], two["address"]]


async def test_the_drawing_of_a_category_yields_to_a_picture(client, product, upload):
    path = await product("drawn")
    await client.patch(path, json={"image": "/images/categories/7.svg"})
    (one,) = await upload(path, 11)
    assert (await client.get(path)).json()["images"] == [one["address"]]


async def test_the_type_is_read_from_the_bytes_and_not_from_the_header(client, product):
    headers = {"Content-Type": "image/svg+xml"}
    answer = await client.post(f"{await product('odd type')}/images", content=picture(), headers=headers)
    assert answer.status_code == 201


async def test_what_is_no_image_is_refused_and_leaves_nothing(client, product):
    path = await product("no picture")
    answer = await client.post(f"{path}/images", content=b"<svg/>", headers={"Content-Type": "image/png"})
    assert (answer.status_code, answer.json()["errors"]) == (
        422,
        [{"field": "body.image", "message": "must be a JPEG, PNG, WebP or GIF image"}],
    )
    assert (await client.get(path)).json()["images"] == []


async def test_an_upload_above_10_mb_is_refused(client, product):
    answer = await client.post(f"{await product('large')}/images", content=bytes(10 * 1024 * 1024 + 1))
    assert (answer.status_code, answer.json()["title"]) == (413, "Content too large")


async def test_the_same_image_twice_is_one_object_and_one_image(client, product, upload, settings):
    path = await product("same")
    first, again = await upload(path, 31, 31)
    assert first == again
    assert (await client.get(path)).json()["images"] == [first["address"]]
    assert len(list(settings.images_folder.rglob(f"{first['imageId']}*"))) == 4


async def test_two_uploads_at_once_are_both_kept(client, product, upload):
    path = await product("at once")
    await asyncio.gather(upload(path, 41), upload(path, 42))
    assert len((await client.get(path)).json()["images"]) == 2


async def test_a_file_that_the_browser_has_is_not_sent_again(client, product, upload):
    (image,) = await upload(await product("cached"), 51)
    tag = (await client.get(image["address"])).headers["etag"]
    answer = await client.get(image["address"], headers={"If-None-Match": tag})
    assert (answer.status_code, answer.content, answer.headers["etag"]) == (304, b"", tag)


@pytest.mark.parametrize(
    "name", ["0" * 32 + ".webp", "0" * 32 + "-400.webp"], ids=["no such image", "no such image in that width"]
)
async def test_an_unknown_file_is_404(client, name):
    assert (await client.get(f"/v1/images/{name}")).status_code == 404


@pytest.mark.parametrize("name", ["..%2f..%2fetc%2fpasswd", "a.svg", f"{'0' * 32}-401.webp", f"{'0' * 32}.webp%00"])
async def test_a_name_that_no_file_has_is_never_looked_for(client, name):
    assert (await client.get(f"/v1/images/{name}")).status_code in (404, 422)


async def test_images_are_arranged(client, product, upload):
    path = await product("arranged")
    one, two = [each["address"] for each in await upload(path, 61, 62)]
    assert (await client.put(f"{path}/images", json={"images": [two, one]})).status_code == 200
    found = (await client.get(path)).json()
    assert (found["image"], found["images"]) == (two, [two, one])


async def test_an_order_must_name_the_products_images_each_once(client, product, upload):
    path = await product("badly arranged")
    one, two = [each["address"] for each in await upload(path, 63, 64)]
    for images in ([one], [one, one], [one, two, "/other.jpg"], []):
        assert (await client.put(f"{path}/images", json={"images": images})).status_code == 422


async def test_a_changed_product_is_not_arranged_by_who_has_not_seen_it(client, product, upload):
    path = await product("stale")
    tag = (await client.get(path)).headers["etag"]
    one, two = [each["address"] for each in await upload(path, 65, 66)]
    answer = await client.put(f"{path}/images", json={"images": [two, one]}, headers={"If-Match": tag})
    assert answer.status_code == 412


async def test_a_21st_image_is_refused_however_it_is_named(client, product, upsert, service_database):
    ids = [f"ab{number:030x}" for number in range(21)]
    async with service_database.sessions.begin() as session:
        session.add_all(StoredImage(id=each) for each in ids)
    path = await product("all pictures")
    answers = [await client.patch(path, json={"image": address_of(each)}) for each in ids]
    assert [each.status_code for each in answers] == [200] * 20 + [422]
    assert answers[-1].json()["errors"][0]["field"] == "body.image"
    lines = [{"sku": "all pictures", "image": address_of(each)} for each in (ids[20], ids[0])]
    refused, moved = await upsert("products", *lines)
    assert (refused["status"], refused["errors"][0]["field"], moved["status"]) == ("refused", "image", "updated")
    assert len((await client.get(path)).json()["images"]) == 20


@pytest.mark.parametrize("image", ["/tea.jpg", "/other.jpg", None])
async def test_what_a_shop_names_later_takes_no_uploaded_image_away(client, product, upload, image):
    path = await product(f"uploaded before {image}", image="/tea.jpg")
    one, two = [each["address"] for each in await upload(path, 68, 69)]
    await client.put(f"{path}/images", json={"images": [one, two, "/tea.jpg"]})
    for _ in range(2):
        changed = (await client.patch(path, json={"image": image})).json()
    assert (changed["image"], changed["images"]) == (one, [one, two, "/tea.jpg"])


async def test_an_uploaded_image_that_is_not_stored_is_refused(client, product, upload):
    path, address = await product("names nothing"), f"/v1/images/{'0' * 32}.webp"
    new = {"sku": "named nothing", "name": "Tea", "price": "2.00"}
    for image in (address, "/v1/images/tea.jpg"):
        for answer in (
            await client.patch(path, json={"image": image}),
            await client.post("/v1/products", json={**new, "image": image}),
        ):
            assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "body.image")
    (stored,) = await upload(await product("has it"), 70)
    assert (await client.patch(path, json={"image": stored["address"]})).json()["image"] == stored["address"]


async def test_an_uploaded_image_that_is_named_comes_first(client, product, upload):
    path = await product("named by its address")
    one, two = [each["address"] for each in await upload(path, 68, 69)]
    assert (await client.patch(path, json={"image": two})).json()["images"] == [two, one]


async def test_a_shop_that_names_an_image_again_loses_none(client, product, upload):
    path = await product("named again", image="/tea.jpg")
    (image,) = await upload(path, 67)
    changed = (await client.patch(path, json={"image": "/tea.jpg"})).json()
    assert changed["images"] == ["/tea.jpg", image["address"]]


async def test_a_deleted_image_leaves_the_product(client, product, upload):
    path = await product("fewer")
    one, two = await upload(path, 71, 72)
    assert (await client.delete(f"{path}/images/{one['imageId']}")).status_code == 204
    assert (await client.get(path)).json()["images"] == [two["address"]]
    assert (await client.delete(f"{path}/images/{one['imageId']}")).status_code == 404


async def test_a_product_has_20_images_at_most(client, product, upload):
    path = await product("many")
    await upload(path, *range(100, 120))
    assert (await client.post(f"{path}/images", content=picture(120))).status_code == 422


async def test_a_shopper_may_not_upload(client, product, tokens):
    headers = {"Authorization": f"Bearer {tokens.user('u1')}"}
    answer = await client.post(f"{await product('not yours')}/images", content=picture(), headers=headers, auth=None)
    assert answer.status_code == 403


async def test_an_image_of_a_product_that_is_not_there_is_404(client):
    for path in ("/v1/products/999999", "/v1/products/sku:absent"):
        assert (await client.post(f"{path}/images", content=picture())).status_code == 404


async def test_the_files_of_a_deleted_product_go_and_those_of_another_stay(client, product, upload, images):
    one, two = await product("going"), await product("staying")
    shared, own = await upload(one, 81, 82)
    await upload(two, 81)
    await client.delete(one)
    await images.sweep(100, kept_seconds=0)
    statuses = [(await client.get(each["address"])).status_code for each in (shared, own)]
    assert statuses == [200, 404]


async def test_an_upload_that_is_under_way_is_not_swept(client, product, upload, images):
    path = await product("under way")
    (image,) = await upload(path, 83)
    await client.delete(path)
    await images.sweep(100)
    assert (await client.get(image["address"])).status_code == 200


async def test_an_image_that_comes_back_while_it_is_swept_is_kept(client, product, upload, images, somebody_waits):
    path = await product("swept")
    (image,) = await upload(path, 84)
    await client.delete(f"{path}/images/{image['imageId']}")
    swept, deleting = asyncio.Event(), images._files.delete

    async def delete(names):
        await somebody_waits()  # the upload, for the row
        await deleting(names)
        swept.set()

    images._files.delete = delete
    await asyncio.gather(images.sweep(100, kept_seconds=0), upload(path, 84))
    assert swept.is_set()
    assert (await client.get(image["address"])).status_code == 200


async def test_a_store_that_fails_is_503_and_the_upload_may_be_repeated(settings, tokens, product, tmp_path, client):
    path, place = await product("store fails"), tmp_path / "images"
    place.write_text("no folder")
    broken = settings.model_copy(update={"images_folder": place})
    async with client_of(create_app(broken), auth=tokens.as_service("importer", "catalog")) as with_broken:
        send = partial(with_broken.post, f"{path}/images", content=picture(91))
        answer = await send()
        assert (answer.status_code, answer.json()["title"]) == (503, "Image store unavailable")
        assert answer.headers["retry-after"] == "2"
        assert (await client.get(path)).json()["images"] == []
        place.unlink()
        assert (await send()).status_code == 201


async def test_files_that_cannot_be_deleted_are_found_again(client, product, upload, images, settings):
    path = await product("not deleted")
    (image,) = await upload(path, 92)
    await client.delete(path)
    folder = settings.images_folder / image["imageId"][:2]
    place = folder.with_name("moved")
    folder.rename(place)
    folder.write_text("a file in its place")
    with pytest.raises(Exception, match="cannot be used"):
        await images.sweep(100, kept_seconds=0)
    folder.unlink()
    place.rename(folder)
    await images.sweep(100, kept_seconds=0)
    assert (await client.get(image["address"])).status_code == 404
