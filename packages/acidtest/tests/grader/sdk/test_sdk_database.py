from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from acidtest.grader.lab.postgres import Cluster
from acidtest.grader.sdk import Database, Place

pytestmark = [pytest.mark.lab, pytest.mark.asyncio(loop_scope="module")]

ODD = Place('public."odd ""table; --"', 'a "column"')
"""Names as a hostile migration would choose them, the table's as the catalogue quotes it."""


@pytest_asyncio.fixture(loop_scope="module")
async def database(cluster: Cluster) -> AsyncIterator[Database]:
    """A database whose table and column have odd names, with three rows."""
    await cluster.create_database("odd")
    made = Database(cluster, "odd")
    await made.execute(f"create table {ODD.table} (id integer primary key, {ODD.quoted} text)")
    rows = "values (1, 'first'), (2, 'second'), (3, 'third')"
    await made.execute(f"insert into {ODD.table} {rows}")
    yield made
    await cluster.drop_database("odd")


async def test_a_place_is_found_counted_and_read_whatever_its_name(database: Database) -> None:
    """The column that holds a value is found by it, and its row is read, by quoted names."""
    assert await database.locate("second") == ODD
    assert await database.locate("nowhere") is None
    assert await database.count(ODD, "second") == 1
    assert await database.row(ODD, "second") == {"id": "2", ODD.column: "second"}
    assert await database.row(ODD, "nowhere") == {}


async def test_the_rows_that_hold_a_value_are_named(database: Database) -> None:
    """A statement that ends in the holders of a value is about these rows alone."""
    assert await database.execute(f"delete {ODD.holders}", "first") == "DELETE 1"

    assert await database.others(ODD, "", most=9) == ["second", "third"]


async def test_others_hold_other_values_and_are_bounded(database: Database) -> None:
    """Asked for the texts of other rows, the value's own is not among them, nor more than asked."""
    assert await database.others(ODD, "first") == ["second"]
    assert await database.others(ODD, "first", most=2) == ["second", "third"]
    assert await database.others(ODD, "second", most=9) == ["first", "third"]


async def test_an_update_sets_every_row_or_those_of_its_condition(database: Database) -> None:
    """The statement takes a parameter or an expression, and a condition after it."""
    await database.execute(f"{ODD.update_to('upper($1)')} where id < 3", "new")
    assert await database.others(ODD, "", most=9) == ["NEW", "NEW", "third"]

    await database.execute(ODD.update_to("$1"), "same")
    assert await database.others(ODD, "", most=9) == ["same"] * 3


async def test_whole_rows_are_texts_of_every_column_and_bounded(database: Database) -> None:
    """A row comes as one text with all its values, and no more rows than asked for."""
    assert sorted(await database.whole_rows(ODD.table, most=9)) == [
        "(1,first)",
        "(2,second)",
        "(3,third)",
    ]
    assert len(await database.whole_rows(ODD.table, most=2)) == 2
