"""Rate limits shared by all processes, and a gate that sheds what one process cannot do."""

from acidkit.limits._buckets import LocalBuckets
from acidkit.limits._decision import Decision, QuotaExceeded, Standing, rate_limit_fields
from acidkit.limits._gate import Gate, GateMetrics, GateSettings, install_gate
from acidkit.limits._layer import Identify, charge, install_limits
from acidkit.limits._limiter import Limiter, LimitMetrics
from acidkit.limits._origin import TrustedProxies, bucket_of
from acidkit.limits._rate import OnOutage, Rate, RateSetting
from acidkit.limits._rule import Ask, Rule
from acidkit.limits._settings import LimitSettings

__all__ = [
    "Ask",
    "Decision",
    "Gate",
    "GateMetrics",
    "GateSettings",
    "Identify",
    "LimitMetrics",
    "LimitSettings",
    "Limiter",
    "LocalBuckets",
    "OnOutage",
    "QuotaExceeded",
    "Rate",
    "RateSetting",
    "Rule",
    "Standing",
    "TrustedProxies",
    "bucket_of",
    "charge",
    "install_gate",
    "install_limits",
    "rate_limit_fields",
]
