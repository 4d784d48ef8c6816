"""What the training assets of one day tell each other: small files in the day's folder, each replaced in one step."""

import math
from pathlib import Path
from typing import ClassVar, Self

from pydantic import JsonValue

from ml.bundle.files import Document
from ml.evaluation.gate import Decision
from ml.evaluation.opponents import Verdict


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
    """The configuration to be used, and what the gate decided: on it, or on the one in whose place popularity is used.

    Attributes:
        decision: What the gate said, and what it compared.
        configuration: What is to be used if it was accepted.
        data: Hash of the training set that was judged on; the decision says nothing of another.
        champion: The bundle that was in use while the gate decided, and must still be when it is replaced.
    """

    file = "challenger.json"

    decision: Decision
    configuration: dict[str, JsonValue]
    data: str
    champion: str | None

    @property
    def stated(self) -> dict[str, str]:
        """Why popularity is used, for metadata; nothing where it is not."""
        because = self.decision.popularity_because
        return {"popularity_because": because} if because else {}

    @property
    def metrics(self) -> dict[str, float]:
        """Each difference to an opponent in NDCG@10 with its interval and power, by names that MLflow allows."""
        figures: dict[str, float] = {}
        for it in self.decision.comparisons:
            name = f"gate_{it.opponent}_{it.task}"
            figures[f"{name}_users"] = it.users
            if it.verdict is not Verdict.TOO_FEW_USERS:
                figures |= {f"{name}_{bound}": value for bound, value in it.difference._asdict().items()}
                figures[f"{name}_detectable"] = it.detectable
        return {name: value for name, value in figures.items() if math.isfinite(value)}


class Figures(DayFile):
    """The published figures, of the models and of the shelves, and the configuration and data that they are of."""

    file = "metrics.json"

    configuration: dict[str, JsonValue]
    data: str
    metrics: dict[str, float]
    shelves: dict[str, JsonValue]


class Passed(DayFile):
    """The bundle that passed all checks, and so may become the champion, and the judgement that it was made by."""

    file = "bundle.json"

    bundle: str
    judgement: Judgement
