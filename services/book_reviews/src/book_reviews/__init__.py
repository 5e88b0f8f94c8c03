"""The Book Review service: books, what people think of them, and a list that is fast and true."""
