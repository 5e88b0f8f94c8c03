"""The application: four operations that are yours to write."""

from typing import NoReturn

from fastapi import FastAPI, HTTPException

app = FastAPI(title="Book reviews", version="0.1.0")


def _to_do() -> NoReturn:
    raise HTTPException(501, "Not written yet.")


@app.get("/health")
async def health() -> dict[str, str]:
    """The process is alive."""
    return {"status": "ok"}


@app.get("/books")
async def list_books() -> None:
    """R1: the books, from the cache first."""
    _to_do()


@app.post("/books", status_code=201)
async def create_book() -> None:
    """R2: stores a book and answers with all of it."""
    _to_do()


@app.get("/books/{book_id}/reviews")
async def list_reviews(book_id: str) -> None:
    """R3: the reviews of one book."""
    _to_do()


@app.post("/books/{book_id}/reviews", status_code=201)
async def create_review(book_id: str) -> None:
    """R4: stores a review of a book that exists."""
    _to_do()
