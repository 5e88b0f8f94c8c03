"""E-mail addresses: one way to write each, so that one person cannot register twice by case."""

import hashlib

from email_validator import EmailNotValidError, validate_email

LONGEST_MAIL = 254  # RFC 5321 with erratum 1690


def normal_mail(text: str) -> str:
    """Return the one form of an address that is stored and compared; nobody is asked over DNS.

    Lower case throughout: the standard lets a provider tell cases apart, none does, and two
    accounts that differ in case alone would be a trap.

    Raises:
        ValueError: it is not an address; the message says why.
    """
    try:
        # `.test` is let in (RFC 6761): such an address harms nobody, and tests have to use some.
        found = validate_email(text, check_deliverability=False, test_environment=True, strict=True)
    except EmailNotValidError as error:
        raise ValueError("must be an e-mail address") from error
    return found.normalized.lower()


def claimed_mail(text: str) -> str:
    """Return what a login calls its account: an address, or text that can be nobody's."""
    try:
        return normal_mail(text.strip())
    except ValueError:
        # The database has no NUL in its texts, and must be asked all the same.
        return text.strip().lower().replace("\0", "\ufffd")


def mail_hash(mail: str) -> bytes:
    """Return what failures of an account are counted under, whether it exists or not."""
    return hashlib.sha256(mail.encode("utf-8", "replace")).digest()
