"""Data that one day's training assets pass to each other: small files in the day's directory, replaced atomically."""

import math
from pathlib import Path
from typing import ClassVar, Self

from pydantic import JsonValue

from ml.bundle.files import Document
from ml.evaluation.gate import Decision
from ml.evaluation.opponents import Verdict


class DayFile(Document):
    """A file in the directory `$TANAWARI_STATE/training/<day>`."""

    file: ClassVar[str]

    @classmethod
    def read(cls, day: Path) -> Self:
        """Read the last written content."""
        return cls.model_validate_json((day / cls.file).read_bytes())

    def put(self, day: Path) -> None:
        """Replace the file's content."""
        self.write(day / self.file)


class Judgement(DayFile):
    """The configuration to use, and the gate's decision on it, or on the one that popularity replaces.

    Attributes:
        decision: The gate's decision and its comparisons.
        configuration: The configuration to use if accepted.
        data: Hash of the judged training set; the decision is valid for no other.
        champion: The bundle that was in use during the decision, and must still be when it is replaced.
    """

    file = "challenger.json"

    decision: Decision
    configuration: dict[str, JsonValue]
    data: str
    champion: str | None

    @property
    def stated(self) -> dict[str, str]:
        """Why popularity is used, for metadata; empty if it is not."""
        because = self.decision.popularity_because
        return {"popularity_because": because} if because else {}

    @property
    def metrics(self) -> dict[str, float]:
        """Each difference to an opponent in NDCG@10 with its interval and power, by valid MLflow names."""
        figures: dict[str, float] = {}
        for it in self.decision.comparisons:
            name = f"gate_{it.opponent}_{it.task}"
            figures[f"{name}_users"] = it.users
            if it.verdict is not Verdict.TOO_FEW_USERS:
                figures |= {f"{name}_{bound}": value for bound, value in it.difference._asdict().items()}
                figures[f"{name}_detectable"] = it.detectable
        return {name: value for name, value in figures.items() if math.isfinite(value)}


class Figures(DayFile):
    """The published figures of models and shelves, with their configuration and data."""

    file = "metrics.json"

    configuration: dict[str, JsonValue]
    data: str
    metrics: dict[str, float]
    shelves: dict[str, JsonValue]


class Passed(DayFile):
    """The bundle that passed all checks, and so may become the champion, with its judgement."""

    file = "bundle.json"

    bundle: str
    judgement: Judgement
