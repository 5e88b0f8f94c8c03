"""Messages between machines, signed by the letter of Standard Webhooks 1.0 and taken once."""

from acidkit.webhooks._keys import (
    PrivateKey,
    PublicKey,
    SharedSecret,
    SigningKey,
    VerifyingKey,
    verifying_keys,
)
from acidkit.webhooks._receipts import (
    Claim,
    PostgresReceipts,
    Receipts,
    forget_receipts,
    webhook_tables,
)
from acidkit.webhooks._receiver import Delivery, WebhookMetrics, WebhookReceiver
from acidkit.webhooks._signature import (
    Rejection,
    SignedMessage,
    Verifier,
    WebhookForbidden,
    WebhookRejected,
    WebhookUnauthorized,
    sign,
)

__all__ = [
    "Claim",
    "Delivery",
    "PostgresReceipts",
    "PrivateKey",
    "PublicKey",
    "Receipts",
    "Rejection",
    "SharedSecret",
    "SignedMessage",
    "SigningKey",
    "Verifier",
    "VerifyingKey",
    "WebhookForbidden",
    "WebhookMetrics",
    "WebhookReceiver",
    "WebhookRejected",
    "WebhookUnauthorized",
    "forget_receipts",
    "sign",
    "verifying_keys",
    "webhook_tables",
]
