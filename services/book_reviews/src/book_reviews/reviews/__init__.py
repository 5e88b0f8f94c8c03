"""Reviews: adding one to a book, listing those of a book."""
