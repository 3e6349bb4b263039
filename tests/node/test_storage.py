"""The node's memory on both databases: transactions, feeds, nonces, words, and the schema's history."""

import threading

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError

from crypto.merkle import CompactRange, leaf_hash
from federation.records import Facets
from node.storage import audit, drafts, feeds, fulltext, policies, records
from node.storage.database import Database, WrongSchema, alembic_config, allocate, insert_rows
from node.storage.nonces import Nonces
from node.storage.tables import disclosure, feed_out, metadata, nonce, record
from tests.factories import NOW
from tests.simulator.naive import tree_root

RID = "3f2b8c1e-9d4a-4c6b-8e1f-0a1b2c3d4e5f"


def version(**changed):
    return records.NewVersion(
        **{
            "iss": "KE", "rid": RID, "ver": 1, "kind": "seizure", "sch": "seizure/1", "jh": "A" * 43, "jwt": "jwt",
            "disclosures": ["d"], "mask": 1, "width": 24, "iat": NOW, "prev": None, "handling": '{"tlp":"green"}',
            "title": "Shoes", "state": "received", "pending": False, "gc": 1,
            "facets": Facets(day="2025-05-17", values={"brand": frozenset({"acme"}), "hs": frozenset({"640411"})}),
            **changed,
        }
    )  # fmt: skip


def test_the_tables_are_those_that_the_migrations_make(database):
    with database.engine.connect() as connection:
        difference = compare_metadata(MigrationContext.configure(connection), metadata)
    strange = [item for item in difference if "fulltext" not in str(item)]
    assert strange == []


def test_the_schema_goes_down_and_up_again(make_database):
    database = make_database()
    with database.engine.begin() as connection:
        config = alembic_config()
        config.attributes["connection"] = connection
        command.downgrade(config, "base")
    with pytest.raises(WrongSchema, match="migrate"):
        database.check_schema()
    database.upgrade()
    database.check_schema()


def test_what_is_raised_in_a_transaction_undoes_all_of_it(database):
    with pytest.raises(RuntimeError), database.write() as connection:  # noqa: PT012 - the transaction is what is tested
        records.keep(connection, [version()], now=NOW)
        raise RuntimeError
    with database.read() as connection:
        assert connection.scalar(select(func.count()).select_from(record)) == 0


def test_a_reader_keeps_nothing(database):
    with database.read() as connection:
        policies.activate(connection, version=1, body="x", author="a", by="b", now=NOW)
    with database.read() as connection:
        assert policies.active(connection) is None


def test_one_version_of_a_record_is_kept_once(database):
    with database.write() as connection:
        records.keep(connection, [version()], now=NOW)
    with (
        pytest.raises(IntegrityError if database.is_sqlite else Exception, match=r"(?i)unique"),
        database.write() as connection,
    ):
        records.keep(connection, [version()], now=NOW)


def test_rows_are_inserted_with_keys_that_rise(database):
    with database.write() as connection:
        first = list(allocate(connection, disclosure, 3))
        insert_rows(
            connection, disclosure, ("id", "at", "action", "actor"), [(i, NOW, "view", "me\\\t\n") for i in first]
        )
        insert_rows(connection, disclosure, ("id", "at", "action", "actor"), [])
    with database.write() as connection:
        second = list(allocate(connection, disclosure, 2))
        assert connection.scalars(select(disclosure.c.actor)).all() == ["me\\\t\n"] * 3
    assert first == sorted(first)
    assert min(second) > max(first)


def test_a_record_is_found_by_each_of_its_values_and_by_prefixes_of_its_code(database):
    with database.write() as connection:
        (row_id,) = records.keep(connection, [version()], now=NOW)
        other = version(rid=RID.replace("3", "4"), facets=Facets(day=None, values={}))
        records.keep(connection, [other], now=NOW)
    finds = {
        ("brand", "acme"): 1, ("hs", "64"): 1, ("hs", "6404"): 1, ("hs", "640411"): 1, ("hs", "61"): 0, ("node", "KE"): 2,  # noqa: E501 - a row of a table
        ("kind", "seizure"): 2, ("brand", "other"): 0,
    }  # fmt: skip
    with database.read() as connection:
        for (field, value), count in finds.items():
            assert len(records.search(connection, filters={field: [value]})) == count, (field, value)
        both = records.search(connection, filters={"brand": ["acme"], "node": ["KE"]})
        assert [row.id for row in both] == [row_id]
        assert len(records.search(connection, filters={}, day_from="2025-05-01", day_to="2025-05-31")) == 1
        everything = records.search(connection, filters={}, limit=1)
        rest = records.search(connection, filters={}, before=(everything[0].day or "", everything[0].id))
        assert len(everything) == len(rest) == 1


def test_a_version_taken_out_of_the_filters_is_found_by_nothing(database):
    with database.write() as connection:
        item = version()
        (row_id,) = records.keep(connection, [item], now=NOW)
        records.drop_facets(connection, row_id, item.kind, item.iss, item.facets)
    with database.read() as connection:
        assert records.search(connection, filters={"brand": ["acme"]}) == []


@pytest.mark.parametrize("size", [0, 1, 255, 256, 257, 600])
def test_the_range_of_a_feed_is_known_at_every_size_that_it_had(size, database):
    leaves = [f'{{"n":{n}}}' for n in range(600)]
    with database.write() as connection:
        feeds.ensure(connection, ["TZ"])
        for start in range(0, 600, 100):
            feed = feeds.lock(connection, ["TZ"])["TZ", "bulk"]
            assert feed.size == start
            feeds.append(connection, [feeds.NewEntry(feed, leaf, None, "0") for leaf in leaves[start : start + 100]])
    with database.read() as connection:
        row = feeds.out_feed(connection, "TZ", "bulk")
        compact = feeds.range_at(connection, row.id, size)
    assert compact.root() == tree_root([leaf.encode() for leaf in leaves[:size]])
    assert row.size == 600
    assert feeds.unpack(row.size, row.hashes) == CompactRange().extend(leaf_hash(leaf.encode()) for leaf in leaves)


def test_two_that_append_at_once_give_every_entry_a_number_of_its_own(database):
    with database.write() as connection:
        feeds.ensure(connection, ["TZ"])

    def work():
        for _ in range(15):
            with database.write() as connection:
                feed = feeds.lock(connection, ["TZ"])["TZ", "bulk"]
                feeds.append(connection, [feeds.NewEntry(feed, f'{{"n":{feed.size}}}', None, "0")])

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with database.read() as connection:
        row = feeds.out_feed(connection, "TZ", "bulk")
        leaves = [entry.leaf for entry in feeds.out_entries(connection, row.id, "TZ", 0, 100)]
    assert leaves == [f'{{"n":{n}}}' for n in range(45)]
    assert feeds.unpack(row.size, row.hashes).root() == tree_root([leaf.encode() for leaf in leaves])


def test_a_nonce_is_new_once_also_for_another_process(database):
    assert Nonces(database).remember("k", "n", NOW + 300, NOW)
    assert not Nonces(database).remember("k", "n", NOW + 300, NOW)
    assert Nonces(database).remember("other", "n", NOW + 300, NOW)
    again = Database(database.url)
    assert not Nonces(again).remember("k", "n", NOW + 300, NOW + 899)
    again.close()


def test_nonces_are_forgotten_only_when_nothing_can_be_accepted_by_them_any_more(database):
    store = Nonces(database)
    store.remember("k", "old", NOW + 300, NOW)
    store.remember("k", "next", NOW + 1_200, NOW + 899)
    with database.read() as connection:
        assert connection.scalar(select(func.count()).select_from(nonce)) == 2
    store.remember("k", "last", NOW + 9_000, NOW + 5_000)
    with database.read() as connection:
        assert connection.scalars(select(nonce.c.nonce)).all() == ["last"]


WORDS = {
    "été": True, "ETE": True, "chau": True, "chaussures ete": True, "ete chaussures": True, "hiver": False,
    "'; DROP TABLE record; --": False, 'chaussures" OR "x': False, "chaussures & !ete": True, "*": False, "": False,
    "\N{ARABIC-INDIC DIGIT FIVE}": True, "a:*": False,
}  # fmt: skip


@pytest.mark.parametrize("words", WORDS)
def test_words_are_found_alike_on_both_databases(words, database):
    with database.write() as connection:
        fulltext.put(connection, [(1, "Chaussures d\N{RIGHT SINGLE QUOTATION MARK}été \N{ARABIC-INDIC DIGIT FIVE}")])
        fulltext.put(connection, [(2, "nothing of the kind")])
    with database.read() as connection:
        assert fulltext.matching(connection, words, limit=9) == ([1] if WORDS[words] else [])


def test_a_draft_that_is_being_released_is_released_once(database):
    new = drafts.NewDraft(kind="seizure", administration="KE", reference="R", groups={"case": {}}, content_hash="x")
    with database.write() as connection:
        drafts.put(connection, [new], now=NOW)
        ids = drafts.waiting(connection)
        assert len(drafts.to_release(connection, ids)) == 1
        drafts.mark_released(connection, ids, by="me", second=None, now=NOW)
        assert drafts.to_release(connection, ids) == []


def test_equal_decisions_are_stored_once(database):
    with database.write() as connection:
        audit.store_decisions(connection, {"h": "{}"})
        audit.store_decisions(connection, {"h": "{}", "i": "[]"})
    with database.read() as connection:
        assert audit.decision_body(connection, "h") == "{}"


def test_the_newest_epoch_of_a_feed_is_the_one_in_use(database):
    with database.write() as connection:
        feeds.ensure(connection, ["TZ"])
        connection.execute(
            feed_out.insert().values(recipient="TZ", lane="bulk", epoch=1, size=0, hashes=b"", receipt_size=0)
        )
        assert feeds.lock(connection, ["TZ"])["TZ", "bulk"].epoch == 1
        assert feeds.out_feed(connection, "TZ", "bulk").epoch == 1
