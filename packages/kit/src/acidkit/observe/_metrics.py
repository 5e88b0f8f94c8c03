"""RED metrics of HTTP: rate, errors and duration per route, with labels that cannot grow."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

METHODS = frozenset({"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"})
BUCKETS = (0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)


class HttpMetrics:
    """Counts requests by method, route template and status; unknown words share one label."""

    def __init__(self, registry: CollectorRegistry) -> None:
        labels = ("method", "route", "status")
        self._requests = Counter(
            "http_requests", "Requests answered.", labelnames=labels, registry=registry
        )
        self._seconds = Histogram(
            "http_request_seconds",
            "Time to the last byte of the answer.",
            labelnames=("method", "route"),
            buckets=BUCKETS,
            registry=registry,
        )
        self.in_flight = Gauge(
            "http_requests_in_flight", "Requests being answered.", registry=registry
        )

    def observe(self, *, method: str, route: str | None, status: int, seconds: float) -> None:
        """Count one answered request; `route` is the template, never the path."""
        known = method if method in METHODS else "OTHER"
        place = route or "unmatched"
        self._requests.labels(known, place, str(status)).inc()
        self._seconds.labels(known, place).observe(seconds)
