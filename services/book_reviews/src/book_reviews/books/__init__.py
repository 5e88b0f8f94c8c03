"""Books: adding one, finding one, listing them from the cache."""
