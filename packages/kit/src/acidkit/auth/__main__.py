"""Prints a new private signing key as a JWK: `python -m acidkit.auth > signing-key.json`."""

import json
import sys

from acidkit.auth._keys import new_key


def main() -> None:
    """Write one key to standard output, which is where the reader asked for the secret."""
    key = new_key()
    json.dump({**key.as_dict(private=True), "kid": key.thumbprint()}, sys.stdout)
    sys.stdout.write("\n")


if __name__ == "__main__":
    main()
