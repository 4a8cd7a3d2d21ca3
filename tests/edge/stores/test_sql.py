"""Databases as sources: typed columns, one order whatever the server does, read-only, and no password anywhere."""

from __future__ import annotations

import random
import sqlite3
import threading
import time
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.edge.stores.postgres import PASSWORD, Server, serving
from tunewright.core import digest
from tunewright.core.errors import OutsideError, TunewrightError, UserError
from tunewright.core.store import Wanted
from tunewright.data.sources.parquet import Work as Parquet
from tunewright.edge.stores.sql import BLOCK_ROWS, Work
from tunewright.recipe.options.sources.parquet import Options as ParquetOptions
from tunewright.recipe.options.stores.sql import Options

STORE = Work(Options())
TYPED = """
create table typed (
    id bigint, question text, price numeric(10, 2), share numeric, moment timestamptz, local timestamp, day date,
    clock time, fits boolean, turns jsonb, plain json, bytes bytea, words text[], key uuid, half real, never int
)
"""
VALUES = """
insert into typed values
(1, 'ünï "quoted"', 0.10, 1.23456789, '2024-01-02 03:04:05+02', '2024-01-02 03:04:05', '2024-01-02', '10:11:12', true,
 '[{"role": "user"}]', '{"a": null}', '\\xff00', '{a,b}', '00000000-0000-0000-0000-000000000001', 0.5, null),
(2, null, null, 1234567890123456789012345, null, null, null, null, false, null, null, null, null, null, null, null)
"""


def fetched(wanted: Wanted, folder: Path) -> Path:
    """The Parquet file of a source."""
    part = folder / "rows.parquet"
    STORE.fetch(wanted, STORE.list(wanted).files[0], part=part, arrived=lambda *_said: None)
    return part


def rows_of(path: Path) -> list[dict[str, Any]]:
    """Rows as the product reads them."""
    return [row.value or {} for row in Parquet(ParquetOptions()).read(path)]


def refused(wanted: Wanted, folder: Path) -> TunewrightError:
    """The error of a source; nothing secret stands in it, its causes included."""
    with pytest.raises(TunewrightError) as caught:
        fetched(wanted, folder)
    error: BaseException | None = caught.value
    while error is not None:
        assert PASSWORD not in str(error)
        error = error.__cause__
    return caught.value


def test_columns_keep_their_types(postgres: Server, tmp_path: Path) -> None:
    postgres.run(TYPED, VALUES)
    path = fetched(Wanted(postgres.url, tmp_path, table="typed"), tmp_path)
    types = {field.name: field.type for field in pq.read_schema(path)}
    assert types["id"] == pa.int64() and types["price"] == pa.decimal128(3, 2) and types["day"] == pa.date32()
    assert types["moment"] == pa.timestamp("us", tz="UTC") and types["bytes"] == pa.binary()
    assert isinstance(types["turns"], pa.JsonType) and types["never"] == pa.string()
    (first,) = [row for row in rows_of(path) if row["id"] == 1]
    assert first == {
        "id": 1,
        "question": 'ünï "quoted"',
        "price": 0.1,
        "share": 1.23456789,
        "moment": "2024-01-02T01:04:05+00:00",
        "local": "2024-01-02T03:04:05",
        "day": "2024-01-02",
        "clock": "10:11:12",
        "fits": True,
        "turns": [{"role": "user"}],
        "plain": {"a": None},
        "bytes": "/wA=",
        "words": ["a", "b"],
        "key": "00000000-0000-0000-0000-000000000001",
        "half": 0.5,
    }
    (second,) = [row for row in rows_of(path) if row["id"] == 2]
    assert second == {"id": 2, "share": 1234567890123456789012345, "fits": False}


def test_the_order_of_the_server_changes_nothing(tmp_path: Path) -> None:
    rows = [(number % 50, f"text {number % 50}", number / 7 if number % 3 else None) for number in range(3000)]
    digests = set()
    for seed in (1, 2):
        random.Random(seed).shuffle(rows)
        folder = tmp_path / str(seed)
        folder.mkdir()
        with sqlite3.connect(folder / "a.db") as database:
            database.execute("create table t (n int, text text, score real)")
            database.executemany("insert into t values (?, ?, ?)", rows)
        path = fetched(Wanted("sqlite:///a.db", folder, table="t"), folder)
        assert pq.read_metadata(path).num_rows == len(rows)
        digests.add(digest.of_file(path))
    assert len(digests) == 1


def test_a_large_table_comes_in_row_groups_with_every_row(postgres: Server, tmp_path: Path) -> None:
    postgres.run(
        "create table large as select i as id, repeat(md5(i::text), 4) as text from generate_series(1, 60000) i"
    )
    told: list[int] = []
    wanted = Wanted(postgres.url, tmp_path, table="public.large")
    part = tmp_path / "rows.parquet"
    STORE.fetch(wanted, STORE.list(wanted).files[0], part=part, arrived=lambda rows, _unit: told.append(rows))
    assert pq.read_metadata(part).num_row_groups > 1
    assert sorted(pq.read_table(part, columns=["id"])["id"].to_pylist()) == list(range(1, 60001))
    assert sum(told) == 60000 and max(told) <= BLOCK_ROWS and len(told) > 10
    assert {each.name for each in tmp_path.iterdir()} == {"rows.parquet"}


def test_values_of_several_kinds_become_text(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "a.db") as database:
        database.execute("create table t (any)")
        database.executemany("insert into t values (?)", [(1,), ("two",), (3.5,), (None,)])
    rows = rows_of(fetched(Wanted("sqlite:///a.db", tmp_path, query="SELECT any FROM t"), tmp_path))
    assert sorted(row.get("any", "") for row in rows) == ["", "1", "3.5", "two"]


@pytest.mark.parametrize(
    ("query", "kind", "said"),
    [
        ("delete from kept", UserError, "only reads"),
        ("-- select\nupdate kept set n = 2", UserError, "only reads"),
        ("with gone as (delete from kept returning *) select * from gone", UserError, "data-modifying"),
        ("select writes()", UserError, "would change the database"),
        ("select nope from kept", UserError, '"nope" does not exist'),
        ("select 1; delete from kept", UserError, "multiple commands"),
        ("select n, n from kept", UserError, 'two columns called "n"'),
        ("select 1 / (n - 1) from kept", UserError, "division by zero"),
    ],
)
def test_a_query_that_is_no_reading_is_refused(
    postgres: Server, tmp_path: Path, query: str, kind: type, said: str
) -> None:
    postgres.run(
        "create table if not exists kept (n int)",
        "truncate kept",
        "insert into kept values (1)",
        "create or replace function writes() returns int language sql as 'insert into kept values (2) returning n'",
    )
    error = refused(Wanted(postgres.url, tmp_path, query=query), tmp_path)
    assert isinstance(error, kind) and said in str(error)
    assert rows_of(fetched(Wanted(postgres.url, tmp_path, table="kept"), tmp_path)) == [{"n": 1}]


def test_signs_of_drivers_are_plain_text(postgres: Server, tmp_path: Path) -> None:
    wanted = Wanted(postgres.url, tmp_path, query="/* a */ SELECT '100 %s :name' AS text;")
    assert rows_of(fetched(wanted, tmp_path)) == [{"text": "100 %s :name"}]


def test_who_is_not_let_in_reads_why_and_no_password(postgres: Server, tmp_path: Path) -> None:
    wrong = postgres.url.replace("tester:", "nobody:")
    assert "lets nobody in" in str(refused(Wanted(wrong, tmp_path, query="select 1"), tmp_path))
    nowhere = postgres.url.removesuffix("postgres") + "nowhere"
    assert '"nowhere" does not exist' in str(refused(Wanted(nowhere, tmp_path, query="select 1"), tmp_path))
    closed = f"postgresql://a:{PASSWORD}@127.0.0.1:1/x"
    error = refused(Wanted(closed, tmp_path, query="select 1"), tmp_path)
    assert isinstance(error, OutsideError) and error.retry == "safe"


def test_the_password_may_come_from_the_environment(
    postgres: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGPASSWORD", PASSWORD)
    bare = f"postgresql://tester@127.0.0.1:{postgres.port}/postgres"
    assert rows_of(fetched(Wanted(bare, tmp_path, query="select 1 as one"), tmp_path)) == [{"one": 1}]


def test_a_server_that_is_killed_in_the_middle_leaves_nothing_and_the_next_try_is_whole(tmp_path: Path) -> None:
    with serving() as server:
        server.run("create table t as select i as id from generate_series(1, 20000) i", "checkpoint")
        slow = "select id, pg_sleep(case when id > 5000 then 0.001 else 0 end)::text as s from t"
        wanted = Wanted(server.url, tmp_path, query=slow)
        begun = threading.Event()
        killer = threading.Thread(target=lambda: (begun.wait(30), time.sleep(0.2), server.kill()))
        killer.start()
        part = tmp_path / "rows.parquet"
        with pytest.raises(OutsideError, match=r"broke off after [1-9][\d,]* rows.*run again") as caught:
            STORE.fetch(wanted, STORE.list(wanted).files[0], part=part, arrived=lambda *_said: begun.set())
        killer.join()
        assert caught.value.retry == "safe" and PASSWORD not in str(caught.value)
        assert not part.exists()
        server.start()
        whole = Wanted(server.url, tmp_path, query="select id from t")
        assert sorted(row["id"] for row in rows_of(fetched(whole, tmp_path))) == list(range(1, 20001))


@pytest.mark.parametrize(
    ("url", "table", "said"),
    [
        ("sqlite:///no.db", "t", 'no database file "no.db"'),
        ("sqlite:///a.db", "no", "no such table"),
        ("sqlite:///rows.txt", "t", "not a database"),
        ("sqlite://", "t", "no database file"),
    ],
)
def test_files_that_are_no_databases(tmp_path: Path, url: str, table: str, said: str) -> None:
    with sqlite3.connect(tmp_path / "a.db") as database:
        database.execute("create table t (n int)")
    (tmp_path / "rows.txt").write_text("rows " * 1000)
    with pytest.raises(UserError, match=said):
        fetched(Wanted(url, tmp_path, table=table), tmp_path)
    assert not (tmp_path / "no.db").exists()


def test_sqlite_is_opened_for_reading_only_and_tells_changes(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "a?b.db") as database:
        database.execute("create table t (n int)")
        database.execute("insert into t values (1)")
    wanted = Wanted("sqlite:///a%3Fb.db", tmp_path, table="t")
    before = STORE.list(wanted).files[0]
    content = (tmp_path / "a?b.db").read_bytes()
    assert rows_of(fetched(wanted, tmp_path)) == [{"n": 1}]
    assert (tmp_path / "a?b.db").read_bytes() == content and STORE.list(wanted).files[0] == before
    with sqlite3.connect(tmp_path / "a?b.db") as database:
        database.execute("insert into t values (2)")
    assert STORE.list(wanted).files[0].stamp != before.stamp
