"""What a running service says about itself: logs, trace ids, metrics and spans."""

from acidkit.observe._logs import Redactor, configure_logs
from acidkit.observe._metrics import HttpMetrics
from acidkit.observe._spans import start_spans
from acidkit.observe._trace import Trace, current_trace, trace_of_request, use_trace

__all__ = [
    "HttpMetrics",
    "Redactor",
    "Trace",
    "configure_logs",
    "current_trace",
    "start_spans",
    "trace_of_request",
    "use_trace",
]
