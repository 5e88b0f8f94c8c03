"""The application: nine operations that are yours to write."""

from typing import NoReturn

from fastapi import FastAPI, HTTPException

app = FastAPI(title="Orders", version="0.1.0")


def _to_do() -> NoReturn:
    raise HTTPException(501, "Not written yet.")


@app.get("/health")
async def health() -> dict[str, str]:
    """The process is alive."""
    return {"status": "ok"}


@app.post("/auth/register", status_code=201)
async def register() -> None:
    """R1: stores a user."""
    _to_do()


@app.post("/auth/login")
async def login() -> None:
    """R2: answers with an access token and a refresh token."""
    _to_do()


@app.post("/auth/refresh")
async def refresh() -> None:
    """R3: replaces a refresh token."""
    _to_do()


@app.post("/auth/logout", status_code=204)
async def logout() -> None:
    """R4: ends a session."""
    _to_do()


@app.post("/auth/logout-all", status_code=204)
async def logout_all() -> None:
    """R4: ends every session of the user."""
    _to_do()


@app.post("/orders", status_code=201)
async def create_order() -> None:
    """R8, R9: stores an order, once for each Idempotency-Key."""
    _to_do()


@app.get("/orders")
async def list_orders() -> None:
    """R10: the orders of the signed-in user, page by page."""
    _to_do()


@app.get("/orders/{order_id}")
async def get_order(order_id: str) -> None:
    """R10: one order."""
    _to_do()


@app.patch("/orders/{order_id}")
async def change_order(order_id: str) -> None:
    """R11: changes some fields of an order."""
    _to_do()
