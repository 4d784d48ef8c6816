"""The least that this stack does for a request: an empty FastAPI route that returns bytes."""

from fastapi import FastAPI, Response


def create_app() -> FastAPI:
    """The application, with nothing of ours in it."""
    app = FastAPI()

    @app.get("/")
    @app.get("/v1/products")  # a path that the gateway forwards
    async def empty() -> Response:
        return Response(b"{}", media_type="application/json")

    return app
