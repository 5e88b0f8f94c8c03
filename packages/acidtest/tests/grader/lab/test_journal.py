from acidtest.core.clock import RunClock
from acidtest.core.evidence import Moment, Note, RedisCommand, SqlStatement
from acidtest.grader.lab.journal import Journal


def statement(at: float, replica: str = "a") -> SqlStatement:
    """A statement at a time."""
    return SqlStatement(at=at, connection=1, text="SELECT 1", replica=replica)


def test_oldest_go_first_and_are_counted() -> None:
    """Beyond its limit a journal keeps the newest moments and says how many it dropped."""
    journal = Journal(RunClock(), limit=3)
    for number in range(5):
        journal.append(statement(number))
    assert [moment.at for moment in journal.since(0)] == [2, 3, 4]
    assert (len(journal), journal.dropped) == (3, 2)


def test_reading_is_ordered_by_beginning_and_half_open() -> None:
    """Moments that ended out of order are read in the order they began; the end is not included."""
    journal = Journal(RunClock())
    for at in (3.0, 1.0, 2.0, 4.0):
        journal.append(statement(at))
    assert [moment.at for moment in journal.between(1.0, 4.0)] == [1.0, 2.0, 3.0]
    assert [moment.at for moment in journal.since(3.0)] == [3.0, 4.0]


def test_kinds_and_replicas_are_told_apart() -> None:
    """Statements, commands and marks are read apart, of one replica or of all."""
    journal = Journal(RunClock())
    journal.append(statement(1.0, "a"))
    journal.append(statement(2.0, "b"))
    journal.append(RedisCommand(at=3.0, connection=1, command="GET", replica="b"))
    journal.append(Note(at=4.0, text="."))
    assert [s.replica for s in journal.sql()] == ["a", "b"]
    assert [s.at for s in journal.sql(replica="b", since=1.5)] == [2.0]
    assert journal.sql(until=1.0) == ()
    assert [c.command for c in journal.redis(replica="b")] == ["GET"]
    assert journal.redis(replica="a") == ()
    assert journal.mark("redis", "stalled") in journal.faults()


def test_listeners_hear_until_they_stop() -> None:
    """A listener gets every moment as it is written, and none after it stopped."""
    journal = Journal(RunClock())
    heard: list[Moment] = []
    stop = journal.listen(heard.append)
    journal.append(statement(1.0))
    stop()
    stop()
    journal.append(statement(2.0))
    assert [moment.at for moment in heard] == [1.0]
