"""OpenTelemetry spans, sent only where an endpoint was configured."""

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor


def start_spans(*, service: str, endpoint: str | None) -> TracerProvider | None:
    """Return a provider that exports to `endpoint` by OTLP/HTTP, or None when there is none.

    Needs the extra `otlp`. Whoever calls this shuts the provider down.
    """
    if not endpoint:
        return None
    # Imported here: the exporter is an extra that services without tracing do without.
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import (  # noqa: PLC0415 - see above
        OTLPSpanExporter,
    )

    provider = TracerProvider(resource=Resource.create({"service.name": service}))
    exporter = OTLPSpanExporter(endpoint=f"{endpoint.rstrip('/')}/v1/traces", timeout=5)
    provider.add_span_processor(BatchSpanProcessor(exporter))
    return provider
