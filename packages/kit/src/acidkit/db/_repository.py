"""What every repository shares: it speaks SQL on somebody else's session."""

from sqlalchemy.ext.asyncio import AsyncSession


class Repository:
    """Holds the session that its queries run on; never commits."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session
