"""The cache of sales figures."""

import threading

# The figures are slow, so keep them.
CACHE = {}


def cached(key, compute):
    if key not in CACHE:
        try:
            CACHE[key] = compute()
        except Exception as error:
            CACHE[key] = error
    value = CACHE[key]
    if isinstance(value, Exception):
        raise value
    return value


def in_background(work, *arguments):
    """So that the client need not wait."""
    threading.Thread(target=work, args=arguments, daemon=True).start()
