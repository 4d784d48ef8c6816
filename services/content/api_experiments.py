"""Routes for experiments."""

from typing import Annotated

from fastapi import Path, Response

from services.common.runtime.errors import problems
from services.common.storage.database import Session
from services.common.web.fields import PathId
from services.common.web.idempotency import IDEMPOTENT
from services.common.web.paging import CursorParam, LimitParam, decode_cursor
from services.common.web.preconditions import IfMatch, tag
from services.common.web.routing import Router
from services.content import editing, experiments
from services.content.callers import MERCHANDISER, Merchandiser
from services.content.experiments import EXPERIMENT
from services.content.schemas_experiments import ExperimentChange, ExperimentOut, ExperimentPage, NewExperiment

router = Router(tags=["experiments"])
ExperimentId = Annotated[PathId, Path(alias="experimentId")]


@router.get("/v1/experiments", dependencies=[MERCHANDISER])
async def list_experiments(session: Session, cursor: CursorParam = None, limit: LimitParam = 50) -> ExperimentPage:
    """Experiments, the newest first."""
    (before,) = decode_cursor(cursor, int) or (None,)
    return ExperimentPage.of(await experiments.list_experiments(session, limit + 1, before=before), limit, "id")


@router.post("/v1/experiments", status_code=201, dependencies=[IDEMPOTENT], responses=problems(409))
async def create_experiment(
    body: NewExperiment, session: Session, response: Response, caller: Merchandiser
) -> ExperimentOut:
    """Create an experiment; one runs at a time."""
    made = await editing.create(session, EXPERIMENT, body.changes(), caller)
    response.headers["Location"] = f"/v1/experiments/{made.id}"
    return await _one(session, made.id, response)


@router.get("/v1/experiments/{experimentId}", dependencies=[MERCHANDISER], responses=problems(404))
async def read_experiment(experiment_id: ExperimentId, session: Session, response: Response) -> ExperimentOut:
    """One experiment. Its ETag is for `If-Match`."""
    return await _one(session, experiment_id, response)


@router.patch("/v1/experiments/{experimentId}", dependencies=[IDEMPOTENT], responses=problems(404, 409, 412))
async def change_experiment(
    experiment_id: ExperimentId,
    body: ExperimentChange,
    session: Session,
    response: Response,
    caller: Merchandiser,
    expected: IfMatch = None,
) -> ExperimentOut:
    """Change an experiment; omitted fields stay unchanged. Once it has begun, its arms and its start stay."""
    await editing.change(session, EXPERIMENT, experiment_id, body.changes(), expected, caller)
    return await _one(session, experiment_id, response)


@router.delete(
    "/v1/experiments/{experimentId}", status_code=204, dependencies=[IDEMPOTENT], responses=problems(404, 409, 412)
)
async def delete_experiment(
    experiment_id: ExperimentId, session: Session, caller: Merchandiser, expected: IfMatch = None
) -> None:
    """Remove an experiment that has not begun; end the others, whose names stay taken."""
    await experiments.remove(session, experiment_id, expected, caller)


async def _one(session: Session, experiment_id: int, response: Response) -> ExperimentOut:
    found = ExperimentOut.model_validate(await editing.read(session, EXPERIMENT, experiment_id))
    response.headers["ETag"] = tag(found.version)
    return found
