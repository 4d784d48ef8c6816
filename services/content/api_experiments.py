"""Routes for experiments."""

from typing import Annotated

from fastapi import Path, Response

from services.common.runtime.errors import problems
from services.common.storage.database import Session
from services.common.web.fields import PathId
from services.common.web.paging import CursorParam, LimitParam, decode_cursor
from services.common.web.preconditions import tagged
from services.common.web.routing import Router
from services.content import editing, experiments, queries
from services.content.callers import EDITS, MERCHANDISER, Change, Creation
from services.content.experiments import EXPERIMENT
from services.content.models import Experiment
from services.content.schemas_experiments import ExperimentChange, ExperimentOut, ExperimentPage, NewExperiment

router = Router(tags=["experiments"])
ExperimentId = Annotated[PathId, Path(alias="experimentId")]


@router.get("/v1/experiments", dependencies=[MERCHANDISER])
async def list_experiments(session: Session, cursor: CursorParam = None, limit: LimitParam = 50) -> ExperimentPage:
    """Experiments, the newest first."""
    found = await queries.newest(session, Experiment, decode_cursor(cursor, int), limit + 1)
    return ExperimentPage.of(found, limit, "id")


@router.post("/v1/experiments", status_code=201, dependencies=EDITS, responses=problems(409))
async def create_experiment(body: NewExperiment, edit: Creation, response: Response) -> ExperimentOut:
    """Create an experiment; one runs at a time."""
    made = await editing.create(edit, EXPERIMENT, body.changes())
    response.headers["Location"] = f"/v1/experiments/{made.id}"
    return tagged(ExperimentOut.model_validate(made), response)


@router.get("/v1/experiments/{experimentId}", dependencies=[MERCHANDISER], responses=problems(404))
async def read_experiment(experiment_id: ExperimentId, session: Session, response: Response) -> ExperimentOut:
    """One experiment. Its ETag is for `If-Match`."""
    found = await editing.read(session, EXPERIMENT, experiment_id)
    return tagged(ExperimentOut.model_validate(found), response)


@router.patch("/v1/experiments/{experimentId}", dependencies=EDITS, responses=problems(404, 409, 412))
async def change_experiment(
    experiment_id: ExperimentId, body: ExperimentChange, edit: Change, response: Response
) -> ExperimentOut:
    """Change an experiment; omitted fields stay unchanged. Once it has begun, its arms and its start stay."""
    changed = await editing.change(edit, EXPERIMENT, experiment_id, body.changes())
    return tagged(ExperimentOut.model_validate(changed), response)


@router.delete("/v1/experiments/{experimentId}", status_code=204, dependencies=EDITS, responses=problems(404, 409, 412))
async def delete_experiment(experiment_id: ExperimentId, edit: Change) -> None:
    """Remove an experiment that has not begun; end the others, whose names stay taken."""
    await experiments.remove(edit, experiment_id)
