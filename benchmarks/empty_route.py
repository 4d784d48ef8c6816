"""The least that this stack can do for a request: an empty FastAPI route that returns bytes."""

from fastapi import FastAPI, Response

app = FastAPI()


@app.get("/")
async def empty() -> Response:
    """Two bytes."""
    return Response(b"{}", media_type="application/json")
