"""Accounts: passwords, lock-out, access tokens and sessions, held in the service's own PostgreSQL.

A service declares the tables on its metadata, builds `Auth` from its settings, puts it on
`app.state.auth`, and serves `auth_router()` and `jwks_router()`. Its own routes ask `PrincipalDep`.
"""

from acidkit.auth._access import Principal
from acidkit.auth._accounts import Account
from acidkit.auth._errors import (
    AccountLocked,
    EmailTaken,
    InvalidCredentials,
    InvalidRefreshToken,
    InvalidToken,
    Unauthenticated,
)
from acidkit.auth._keys import KeysUnusableError
from acidkit.auth._principal import AuthDep, PrincipalDep, SensitivePrincipalDep
from acidkit.auth._routes import auth_router, jwks_router
from acidkit.auth._service import Auth, TokenPair
from acidkit.auth._settings import AuthEnvironment, AuthSettings
from acidkit.auth._tables import AuthTables, declare_tables

__all__ = [
    "Account",
    "AccountLocked",
    "Auth",
    "AuthDep",
    "AuthEnvironment",
    "AuthSettings",
    "AuthTables",
    "EmailTaken",
    "InvalidCredentials",
    "InvalidRefreshToken",
    "InvalidToken",
    "KeysUnusableError",
    "Principal",
    "PrincipalDep",
    "SensitivePrincipalDep",
    "TokenPair",
    "Unauthenticated",
    "auth_router",
    "declare_tables",
    "jwks_router",
]
