"""A test to begin with."""

from fastapi.testclient import TestClient

from app.main import app


def test_the_service_says_that_it_is_alive() -> None:
    response = TestClient(app).get("/health")

    assert response.status_code == 200
    assert response.json() == {"status": "ok"}
