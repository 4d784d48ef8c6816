"""The models, each behind the same class: fit, recommend, save, load."""

from ml.recommenders.als import ALS, ALSConfig
from ml.recommenders.base import NotFittedError, Recommender, RecommenderConfig, TooLittleDataError, TooMuchDataError
from ml.recommenders.blend import Blend, BlendConfig
from ml.recommenders.content import ContentBased, ContentConfig
from ml.recommenders.ease import EASE, EASEConfig
from ml.recommenders.item_knn import ItemKNN, ItemKNNConfig
from ml.recommenders.personal import PersonalConfig, PersonalFrequency
from ml.recommenders.popularity import Popularity, PopularityConfig
from ml.recommenders.ranking import NonFiniteScoreError
from ml.recommenders.tifu_knn import TifuKNN, TifuKNNConfig

__all__ = [
    "ALS",
    "EASE",
    "ALSConfig",
    "Blend",
    "BlendConfig",
    "ContentBased",
    "ContentConfig",
    "EASEConfig",
    "ItemKNN",
    "ItemKNNConfig",
    "NonFiniteScoreError",
    "NotFittedError",
    "PersonalConfig",
    "PersonalFrequency",
    "Popularity",
    "PopularityConfig",
    "Recommender",
    "RecommenderConfig",
    "TifuKNN",
    "TifuKNNConfig",
    "TooLittleDataError",
    "TooMuchDataError",
]
