"""Proxies between a service and its servers: they see, count, delay, hold, cut and refuse."""
