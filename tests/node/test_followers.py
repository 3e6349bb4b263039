"""Followers of records miss nothing and keep nothing that is gone, whoever else writes at the same time."""

import threading
import time

import pytest

from node.services import indexing
from node.services.statistics import following
from node.storage import counts, followers, fulltext, records
from node.storage.tables import record
from node.storage.tables.statistics import counted, recount
from tests.factories import NOW
from tests.node.statistics.test_following import content, version

SAID = {"case": {"reference": "before"}, "quantity": [{"amount": {"n": "40", "unit": "H87"}}]}
SAYS = {"case": {"reference": "after"}, "quantity": [{"amount": {"n": "70", "unit": "H87"}}]}


def told(number):
    return version({**SAID, "case": {"reference": f"word{number}"}})


def add(database, *versions):
    with database.write() as connection:
        return records.keep(connection, versions, now=NOW)


def catch_up(database):
    while indexing.follow(database, now=NOW):
        pass
    while following.follow(database, now=NOW):
        pass


def found(database, word):
    with database.read() as connection:
        return fulltext.matching(connection, word, limit=10)


def articles(database):
    with database.read() as connection:
        return counts.cells(connection).get(("*", "*", "*", "total", "", "articles", "H87"), 0) / 1000


def extend(connection, row):
    """As intake does it: forget the words, hold the new content, index it anew if the index is past it."""
    records.forget_words(connection, row)
    records.replace_content(connection, row, **content(SAYS))
    indexing.again(connection, row)


class Beside:
    """Something that another transaction does in the meantime."""

    def __init__(self, database, act):
        self.failed = None
        self._thread = threading.Thread(target=self._run, args=(database, act))
        self._thread.start()
        time.sleep(0.5)  # by now it waits, or is through

    def _run(self, database, act):
        try:
            with database.write() as connection:
                act(connection)
        except Exception as error:  # noqa: BLE001 - told in the test's own thread
            self.failed = error

    def ended(self):
        self._thread.join(20)
        assert not self._thread.is_alive()
        assert self.failed is None


def test_a_version_that_changes_while_it_is_counted_is_not_counted_as_it_was(database):
    (row,) = add(database, version(SAID))
    with database.write() as connection:
        following.step(connection, now=NOW)
        other = Beside(database, lambda c: records.replace_content(c, row, **content(SAYS)))
    other.ended()
    with database.read() as connection:
        assert connection.execute(counted.select()).all() == []
    catch_up(database)
    assert articles(database) == 70
    assert following.check(database, now=NOW) == []


def test_a_version_that_is_to_be_counted_anew_is_so_whatever_was_counted_of_it(database):
    (row,) = add(database, version(SAID))
    catch_up(database)
    with database.write() as connection:
        connection.execute(
            record.update().where(record.c.id == row).values(disclosures="~".join(content(SAYS)["disclosures"]))
        )
        connection.execute(recount.insert().values(record=row))
    catch_up(database)
    assert articles(database) == 70


def test_words_of_a_version_that_changes_while_it_is_indexed_do_not_stay(database, monkeypatch):
    (row,) = add(database, version(SAID))
    beside, put = [], fulltext.put

    def meanwhile(connection, rows):
        if not beside:
            beside.append(Beside(database, lambda c: extend(c, row)))
        put(connection, rows)

    monkeypatch.setattr(fulltext, "put", meanwhile)
    indexing.follow(database, now=NOW)
    beside[0].ended()
    catch_up(database)
    assert (found(database, "before"), found(database, "after")) == ([], [row])


def opened(row):
    """The groups of a version that nobody signed."""

    class Opened:
        groups = indexing.bodies.read_row(row)[0]

    return Opened


@pytest.fixture(autouse=True)
def unsigned(monkeypatch):
    monkeypatch.setattr(indexing.bodies, "reopen_row", opened)


@pytest.mark.parametrize("first_id_first", [True, False])
def test_records_that_are_committed_after_others_with_higher_ids_are_followed(first_id_first, make_postgres):
    """The transaction with the lower ids began before the other one, or after it: its number tells nothing."""
    database = make_postgres()
    late = database.engine.connect()
    early = database.engine.connect()
    if not first_id_first:  # the other one has a transaction's number already
        early.exec_driver_sql("SELECT pg_current_xact_id()")
    (low,) = records.keep(late, [told(1)], now=NOW)
    (high,) = records.keep(early, [told(2)], now=NOW)
    assert low < high
    early.commit()
    catch_up(database)
    assert (found(database, "word2"), articles(database)) == ([], 0)
    late.commit()
    late.close()
    early.close()
    catch_up(database)
    assert (found(database, "word1"), found(database, "word2"), articles(database)) == ([low], [high], 80)
    assert following.check(database, now=NOW) == []


def test_a_transaction_that_stays_open_delays_only_what_came_after_it(make_postgres):
    database = make_postgres()
    (before,) = add(database, told(1))
    with database.engine.connect() as idle:
        records.keep(idle, [told(2)], now=NOW)
        add(database, told(3))
        catch_up(database)
        assert (found(database, "word1"), articles(database)) == ([before], 40)
        assert following.check(database, now=NOW) == []
        idle.rollback()
    catch_up(database)
    assert (len(found(database, "word3")), articles(database)) == (1, 80)


def test_what_comes_in_while_everything_is_counted_anew_makes_no_difference(make_postgres, monkeypatch):
    database = make_postgres()
    add(database, version(SAID))
    step = following.step

    def last_step(connection, **given):
        more = step(connection, **given)
        if not more:
            add(database, version(SAID))
        return more

    monkeypatch.setattr(following, "step", last_step)
    assert following.check(database, now=NOW) == []


def test_the_first_id_of_all_is_waited_for(make_postgres):
    database = make_postgres()
    with database.engine.connect() as late:
        (first,) = records.keep(late, [version(SAID)], now=NOW)
        add(database, version(SAID))
        with database.read() as connection:
            assert followers.fresh(connection, 0, 10) == []
        late.commit()
    with database.read() as connection:
        assert followers.fresh(connection, 0, 10) == [first, first + 1]
        assert followers.fresh(connection, 0, 1) == [first]


def test_what_was_worked_out_before_is_not_used_for_a_version_that_has_changed_since(database):
    (row,) = add(database, version(SAID))
    with database.read() as connection:
        prepared = following._prepare(connection, NOW)
    assert len(prepared) == 1
    with database.write() as connection:
        extend(connection, row)
        following.step(connection, now=NOW, prepared=prepared)
    assert articles(database) == 70
