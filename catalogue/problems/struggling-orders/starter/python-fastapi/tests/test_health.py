"""What little is tested."""

import os

os.environ.setdefault("DATABASE_URL", "postgresql://orders@127.0.0.1:5432/orders")

from fastapi.testclient import TestClient

from app.main import app


def test_health():
    assert TestClient(app).get("/healthz").json() == {"status": "ok"}
