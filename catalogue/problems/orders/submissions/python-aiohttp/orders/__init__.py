"""Orders of registered users, over HTTP."""
