"""The catalog's composition root: `python -m services.common.web.server services.catalog.app:create_app`."""

from functools import partial

from fastapi import FastAPI

from services.catalog import (
    api,
    api_prices,
    api_snapshot,
    api_variants,
)
from services.catalog.attributes import api as api_attributes
from services.catalog.categories import api as api_categories
from services.catalog.clients import Serving
from services.catalog.images import api as api_images
from services.catalog.images.images import Images
from services.catalog.images.object_store import ObjectStore
from services.catalog.images.object_store_folder import FolderStore
from services.catalog.images.object_store_s3 import S3Store
from services.catalog.images.sweeper import ImageSweeper
from services.catalog.reservations import api as api_reservations
from services.catalog.reservations.expiry import Expiry
from services.catalog.reviews import api as api_reviews
from services.catalog.reviews import users
from services.catalog.reviews.consumer import ACTIONS, ORDERS, PURCHASED, SUBMITTED, follow_actions, follow_orders
from services.catalog.search import api as api_search
from services.catalog.search.analysis import Analyzer
from services.catalog.search.counter import Counter
from services.catalog.search.documents import Reader
from services.catalog.search.follower import Follower
from services.catalog.search.opensearch import OpenSearchIndex
from services.catalog.search.postgres import PostgresIndex
from services.catalog.search.search import Search
from services.catalog.search.words import Words
from services.catalog.settings import CatalogSettings
from services.common.messaging.consumer import Consumer
from services.common.messaging.erasure import TOPIC as DELETIONS
from services.common.messaging.erasure import erasing
from services.common.messaging.producer import Producer
from services.common.messaging.relay import Relay
from services.common.runtime.health import Check
from services.common.runtime.http_client import ServiceClient
from services.common.storage.database import Database
from services.common.web.app import build_app

REVIEWS = 500
"""So many of the action log at once: the products that they are about are locked meanwhile, also for who buys them."""


def create_app(settings: CatalogSettings | None = None) -> FastAPI:
    """Build the application, from the environment unless settings are given."""
    settings = settings or CatalogSettings()
    producer = Producer(settings)
    database = Database(settings.database_url, pool_size=settings.database_pool_size)
    files = _image_store(settings)
    images = Images(database, files)
    words = Words(database, settings.synonyms_file)
    index = _index(settings, database)
    outside = [index] if isinstance(index, OpenSearchIndex) else []
    follower = Follower(database, index)
    serving = _serving(settings)
    follow = partial(Consumer, settings, database=database, producer=producer)
    consumers = [
        follow(topics=[ORDERS], event_types=PURCHASED, handle=follow_orders, name="orders"),
        follow(topics=[ACTIONS], event_types=SUBMITTED, handle=follow_actions, name="reviews", batch=REVIEWS),
        follow(topics=[DELETIONS], handle=erasing("catalog", users.erase), name="erasure"),
    ]
    app = build_app(
        settings,
        title="Catalog",
        description="Products with attributes, images and reviews, the category tree, stock, reservations, and offers.",
        routers=[
            api.router,
            api_variants.router,
            api_prices.router,
            api_images.router,
            api_reviews.router,
            api_categories.router,
            api_attributes.router,
            api_search.router,
            api_snapshot.router,
            api_reservations.router,
        ],
        database=database,
        producer=producer,
        workers=[
            Relay(settings.database_url, producer),
            Expiry(database, settings.expiry_seconds),
            ImageSweeper(images, settings.image_sweep_seconds),
            words,
            follower,
            Counter(database, index, follower),
            *consumers,
        ],
        checks=[
            Check("images", files.check, required=False),
            *(Check("search", each.check, required=False) for each in outside),
        ],
        closes=[images, serving, *outside],
    )
    app.state.image_files, app.state.images = files, images
    app.state.search, app.state.words, app.state.serving = Search(index, words), words, serving
    return app


def _index(settings: CatalogSettings, database: Database) -> PostgresIndex | OpenSearchIndex:
    reader, seconds = Reader(Analyzer()), settings.search_seconds
    if settings.search_url is None:
        return PostgresIndex(database, reader, seconds)
    return OpenSearchIndex(database, reader, settings.search_url, settings.search_index, seconds)


def _image_store(settings: CatalogSettings) -> ObjectStore:
    if settings.images_bucket is None:
        return FolderStore(settings.images_folder)
    return S3Store(settings.images_bucket, settings.images_region, settings.images_endpoint_url)


def _serving(settings: CatalogSettings) -> Serving:
    if settings.serving_url is None:
        return Serving(None)
    return Serving(ServiceClient("serving", settings.serving_url, timeout=settings.ranking_seconds))
