"""What the training assets of one day tell each other: small files in the day's folder, each replaced in one step."""

from pathlib import Path
from typing import ClassVar, Self

from pydantic import JsonValue

from ml.bundle.files import Document
from ml.evaluation.compare import Interval
from ml.evaluation.gate import Reason


class DayFile(Document):
    """A file of the folder `$TANAWARI_STATE/training/<day>`."""

    file: ClassVar[str]

    @classmethod
    def read(cls, day: Path) -> Self:
        """What was last put there."""
        return cls.model_validate_json((day / cls.file).read_bytes())

    def put(self, day: Path) -> None:
        """Put it in place of the file's former content."""
        self.write(day / self.file)


class Judgement(DayFile):
    """The configuration to be used, and what the gate said: of it, or of the one in whose place popularity is used."""

    file = "candidate.json"

    accepted: bool
    reason: Reason
    detail: str
    configuration: dict[str, JsonValue]
    intervals: dict[str, Interval]
    popularity_because: str | None = None

    @property
    def stated(self) -> dict[str, str]:
        """Why popularity is used, for metadata; nothing where it is not."""
        return {"popularity_because": self.popularity_because} if self.popularity_because else {}

    @property
    def metrics(self) -> dict[str, float]:
        """Each task's difference to the opponent in NDCG@10, with its interval, by a name that MLflow allows."""
        return {
            f"gate_{task}_{bound}": value
            for task, interval in self.intervals.items()
            for bound, value in interval._asdict().items()
        }


class Figures(DayFile):
    """The published figures, of the models and of the shelves, and the configuration that they are of."""

    file = "metrics.json"

    configuration: dict[str, JsonValue]
    metrics: dict[str, float]
    shelves: dict[str, JsonValue]


class Passed(DayFile):
    """The bundle that passed all checks, and so may become the champion, and the judgement that it was made by."""

    file = "bundle.json"

    bundle: str
    judgement: Judgement
