"""What an operator may say about limits, in the environment."""

from pydantic import Field, field_validator

from acidkit.limits._gate import GateSettings
from acidkit.limits._origin import ForwardingHeader, TrustedProxies
from acidkit.limits._rate import Rate, RateSetting
from acidkit.settings import EnvironmentSettings


class LimitSettings(EnvironmentSettings):
    """Fields for a service's own settings to inherit; each is an environment variable.

    | variable | meaning |
    |---|---|
    | `RATE_LIMIT_IP` | per network address: `600/1m`, `100/h;burst=20`, or `off` |
    | `RATE_LIMIT_USER` | per signed-in user |
    | `RATE_LIMIT_LOGIN` | per network address, on what guesses passwords |
    | `TRUSTED_PROXIES` | `10.0.0.0/8, 192.168.1.7`, or `hops=1`; nobody if empty |
    | `FORWARDED_HEADER` | the one header those proxies write: `x-forwarded-for` or `forwarded` |
    | `MAX_IN_FLIGHT`, `MAX_WAITING`, `MAX_WAIT_SECONDS` | load shedding, per process |

    A rate may end in `;burst=N`, `;shadow` (count, never refuse) and
    `;on_outage=local|allow|deny` (what happens while Redis is down; `local` unless given).
    """

    rate_limit_ip: RateSetting = Rate.parse("1200/1m")
    rate_limit_user: RateSetting = Rate.parse("600/1m")
    rate_limit_login: RateSetting = Rate.parse("30/1m")
    trusted_proxies: str = ""
    forwarded_header: ForwardingHeader = "x-forwarded-for"
    max_in_flight: int = Field(default=64, ge=1)
    max_waiting: int = Field(default=128, ge=0)
    max_wait_seconds: float = Field(default=0.1, gt=0)

    @field_validator("trusted_proxies")
    @classmethod
    def _readable(cls, text: str) -> str:
        TrustedProxies.parse(text)
        return text

    @property
    def proxies(self) -> TrustedProxies:
        """Whom to believe about addresses."""
        return TrustedProxies.parse(self.trusted_proxies, header=self.forwarded_header)

    @property
    def gate(self) -> GateSettings:
        """How much one process takes on."""
        return GateSettings(
            in_flight=self.max_in_flight, waiting=self.max_waiting, wait=self.max_wait_seconds
        )
