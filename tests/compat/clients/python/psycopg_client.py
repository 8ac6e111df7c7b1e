"""psycopg 3: text and binary results, server-side cursors, pipelines, COPY, two-phase errors, cancel, LISTEN."""

import datetime
import decimal
import enum
import ipaddress
import threading
import time
import uuid

import psycopg
from psycopg import sql
from psycopg.rows import dict_row
from psycopg.types.composite import CompositeInfo, register_composite
from psycopg.types.enum import EnumInfo, register_enum
from psycopg.types.json import Jsonb
from psycopg.types.multirange import Int4Multirange
from psycopg.types.range import Range

from canon import mode, section, show

LITERALS = [
    ("int2", "-32768"), ("int4", "2147483647"), ("int8", "-9223372036854775808"),
    ("float4", "0.1"), ("float8", "1e-300"), ("float8", "NaN"), ("float8", "-Infinity"),
    ("numeric", "12345678901234567890.0123456789"), ("numeric", "NaN"), ("numeric(10,2)", "-0.05"),
    ("bool", "t"), ("text", "söme 'téxt' \U0001f418\n"), ("varchar(5)", "abc"), ("char(5)", "abc"), ("name", "n"),
    ("bytea", "\\x00ff5c27"), ("uuid", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"),
    ("date", "2024-02-29"), ("time", "23:59:59.999999"), ("timetz", "10:00:00+02"),
    ("timestamp", "2024-02-29 12:34:56.789"), ("timestamptz", "2024-02-29 12:34:56.789+05:30"),
    ("interval", "1 day 02:03:04.5"), ("json", '{"a": [1, null, "x"]}'), ("jsonb", '{"b": {"c": 1.5}}'),
    ("inet", "192.168.0.1/24"), ("cidr", "10.0.0.0/8"), ("macaddr", "08:00:2b:01:02:03"),
    ("bit(4)", "1010"), ("varbit", "10"), ("money", "12.34"), ("point", "(1,2)"), ("box", "(2,2),(0,0)"),
    ("int4[]", "{1,NULL,3}"), ("text[]", '{a,"b c",NULL}'), ("numeric[]", "{1.5,NaN}"),
    ("int4[]", "{{1,2},{3,4}}"), ("int4range", "[1,10)"), ("int4multirange", "{[1,3),[5,7)}"),
    ("tstzrange", "[2024-01-01 00:00+00,)"), ("tsvector", "'a':1 'b':2"), ("xml", "<a/>"), ("oid", "42"),
    ("regclass", "pg_class"),
]


def work():
    with psycopg.connect(autocommit=True) as conn:
        parameters(conn)
        schema(conn)
        types(conn)
        adapted(conn)
        prepared(conn)
        batches(conn)
        transactions(conn)
        errors(conn)
        copying(conn)
        cursors(conn)
        pipelines(conn)
        notices(conn)
        listening(conn)
        cancelling(conn)
    parallel()


def parameters(conn):
    section("parameter statuses")
    for name in ("server_encoding", "client_encoding", "DateStyle", "IntervalStyle", "TimeZone",
                 "integer_datetimes", "standard_conforming_strings", "is_superuser"):
        show(name, conn.info.parameter_status(name))
    show("transaction status", conn.info.transaction_status.name)


def schema(conn):
    section("DDL")
    for statement in (
        "CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy')",
        "CREATE TYPE place AS (street text, number int)",
        "CREATE DOMAIN positive AS int CONSTRAINT above_zero CHECK (VALUE > 0)",
        "CREATE TABLE parents (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text NOT NULL UNIQUE, feeling mood, "
        "home place, rank positive, doc jsonb DEFAULT '{}')",
        "CREATE TABLE children (id serial PRIMARY KEY, parent_id int NOT NULL CONSTRAINT of_parent REFERENCES parents "
        "ON DELETE CASCADE, weight numeric(6,2) CHECK (weight > 0), born date, "
        "span daterange, CONSTRAINT apart EXCLUDE USING gist (span WITH &&))",
        "CREATE INDEX CONCURRENTLY children_born ON children (born)",
        "CREATE VIEW parent_names AS SELECT id, upper(name) AS name FROM parents",
        "ALTER TABLE parents ADD COLUMN added timestamptz DEFAULT '2024-01-01 00:00+00'",
        "COMMENT ON TABLE parents IS 'those with children'",
        "DO $$ BEGIN PERFORM 1; END $$",
    ):
        cursor = conn.execute(statement)
        show(statement.split("(")[0].strip(), cursor.statusmessage)


def types(conn):
    for binary in (False, True):
        section(f"types in {'binary' if binary else 'text'}")
        for name, literal in LITERALS:
            cursor = conn.cursor(binary=binary)
            # Some types have no binary reader in the client: then the bytes are what is compared.
            cursor.execute(sql.SQL("SELECT {}::{}, NULL::{}").format(sql.Literal(literal), sql.SQL(name), sql.SQL(name)))
            show(f"{name} {literal!r} oid {cursor.description[0].type_code}", cursor.fetchone())


class Mood(enum.Enum):
    SAD = "sad"
    OK = "ok"
    HAPPY = "happy"


def adapted(conn):
    section("parameters")
    register_enum(EnumInfo.fetch(conn, "mood"), conn, Mood, mapping={each: each.value for each in Mood})
    register_composite(CompositeInfo.fetch(conn, "place"), conn)
    values = [
        1, -2**62, 2**70, 1.5, decimal.Decimal("3.14"), "text", b"\x00\xff", True, None,
        datetime.date(2024, 2, 29), datetime.datetime(2024, 2, 29, 12, tzinfo=datetime.timezone.utc),
        datetime.timedelta(days=1, seconds=5), uuid.UUID(int=5), ipaddress.ip_address("::1"),
        [1, 2, None], ["a", "b,c"], Jsonb({"k": [1, {"x": None}]}), Range(1, 5), Int4Multirange([Range(1, 2)]),
    ]
    for binary in (False, True):
        for value in values:
            cursor = conn.cursor(binary=binary)
            cursor.execute("SELECT %s" if not binary else "SELECT %b", [value])
            show(f"{value!r}", cursor.fetchone()[0])
    cursor = conn.execute("SELECT %s::mood, %s::place, ROW('s', 1)::place", [Mood.HAPPY, ("high street", 5)])
    show("enum and composite", cursor.fetchone())


def prepared(conn):
    section("prepared statements")
    for n in range(8):
        row = conn.execute("SELECT %s::int * 2 AS doubled", [n], prepare=True).fetchone()
        show(f"run {n}", row)
    count = conn.execute("SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE '%doubled%' "
                         "AND NOT from_sql AND statement NOT LIKE '%count%'", prepare=False).fetchone()
    show("kept by the server", count)
    conn.execute("PREPARE by_sql (int) AS SELECT $1 + 1")
    show("EXECUTE", conn.execute("EXECUTE by_sql (41)").fetchone())
    show("DEALLOCATE", conn.execute("DEALLOCATE by_sql").statusmessage)
    show("DISCARD ALL", conn.execute("DISCARD ALL").statusmessage)
    show("after DISCARD ALL", conn.execute("SELECT %s::int", [1]).fetchone())


def batches(conn):
    section("inserts in batches")
    with conn.cursor() as cursor:
        cursor.executemany("INSERT INTO parents (name, rank) VALUES (%s, %s)",
                           [(f"parent {n}", n) for n in range(1, 501)])
        show("rowcount", cursor.rowcount)
        cursor.executemany("INSERT INTO parents (name) VALUES (%s) RETURNING id", [("a",), ("b",)], returning=True)
        returned = [cursor.fetchone()]
        while cursor.nextset():
            returned.append(cursor.fetchone())
        show("RETURNING", returned)
    cursor = conn.execute("INSERT INTO parents (name) VALUES ('a') ON CONFLICT (name) DO UPDATE SET doc = '{\"seen\": 2}' "
                          "RETURNING name, doc")
    show("upsert", (cursor.statusmessage, cursor.fetchone()))
    cursor = conn.execute("MERGE INTO parents p USING (VALUES ('a'), ('z')) v(name) ON p.name = v.name "
                          "WHEN MATCHED THEN UPDATE SET rank = 7 WHEN NOT MATCHED THEN INSERT (name) VALUES (v.name)")
    show("MERGE", cursor.statusmessage)
    show("rows as dicts", conn.cursor(row_factory=dict_row).execute(
        "SELECT id, name, rank FROM parents WHERE id <= 2 ORDER BY id").fetchall())


def transactions(conn):
    section("transactions")
    count = lambda: conn.execute("SELECT count(*) FROM children").fetchone()[0]
    with conn.transaction():
        conn.execute("INSERT INTO children (parent_id, weight) VALUES (1, 3.25)")
        show("inside", conn.info.transaction_status.name)
    show("committed", count())
    try:
        with conn.transaction():
            conn.execute("INSERT INTO children (parent_id, weight) VALUES (1, 4)")
            raise KeyError
    except KeyError:
        show("rolled back", count())
    with conn.transaction():
        conn.execute("INSERT INTO children (parent_id, weight) VALUES (2, 5)")
        try:
            with conn.transaction("inner_one"):
                conn.execute("INSERT INTO children (parent_id, weight) VALUES (2, -5)")
        except psycopg.errors.CheckViolation as error:
            show("savepoint undone", error.diag.constraint_name)
        conn.execute("INSERT INTO children (parent_id, weight) VALUES (2, 6)")
    show("after the savepoint", count())
    conn.execute("BEGIN")
    try:
        conn.execute("SELECT 1/0")
    except psycopg.errors.DivisionByZero:
        show("failed", conn.info.transaction_status.name)
    try:
        conn.execute("SELECT 1")
    except psycopg.Error as error:
        show("in a failed one", error.sqlstate)
    show("COMMIT of a failed one", conn.execute("COMMIT").statusmessage)
    conn.isolation_level = psycopg.IsolationLevel.SERIALIZABLE
    conn.read_only = True
    with conn.transaction():
        show("isolation", conn.execute("SHOW transaction_isolation").fetchone())
        try:
            with conn.transaction():
                conn.execute("DELETE FROM children")
        except psycopg.Error as error:
            show("read only", error.sqlstate)
    conn.isolation_level = None
    conn.read_only = None


def diagnostics(error):
    diag = error.diag
    return {name: getattr(diag, name) for name in (
        "severity", "severity_nonlocalized", "sqlstate", "message_primary", "message_detail", "message_hint",
        "statement_position", "internal_position", "internal_query", "context", "schema_name", "table_name",
        "column_name", "datatype_name", "constraint_name", "source_file", "source_function",
    ) if getattr(diag, name) is not None}


def errors(conn):
    section("errors")
    for statement in (
        "SELECT nothing FROM parents", "SELECT * FROM nowhere", "SELEC 1", "SELECT 1 FROM", "SELECT no_such(1)",
        "INSERT INTO parents (name) VALUES ('a')", "INSERT INTO parents (name) VALUES (NULL)",
        "INSERT INTO children (parent_id) VALUES (-1)", "INSERT INTO parents (name, rank) VALUES ('n', 0)",
        "INSERT INTO children (parent_id, weight) VALUES (1, 123456)", "SELECT 'x'::int", "SELECT '{'::json",
        "SELECT 1::int2 * 40000::int2", "CREATE TABLE parents ()", "DROP TABLE nowhere", "SELECT pg_sleep('x')",
        "DO $$ BEGIN RAISE EXCEPTION 'told' USING ERRCODE = 'ABC12', DETAIL = 'd', HINT = 'h', COLUMN = 'c', "
        "CONSTRAINT = 'k', DATATYPE = 't', TABLE = 'tt', SCHEMA = 's'; END $$",
        "SELECT 'unterminated", "SELECT $1", "",
    ):
        try:
            conn.execute(statement)
            show(statement, "no error")
        except psycopg.Error as error:
            show(statement, diagnostics(error))


def copying(conn):
    section("COPY")
    conn.execute("CREATE TABLE lines (n int, t text, at timestamptz)")
    moment = datetime.datetime(2024, 1, 1, tzinfo=datetime.timezone.utc)
    with conn.cursor() as cursor:
        with cursor.copy("COPY lines FROM STDIN") as copy:
            for n in range(1000):
                copy.write_row((n, f"tab\t{n}" if n % 3 else None, moment))
        show("in, text", cursor.statusmessage)
        with cursor.copy("COPY lines FROM STDIN (FORMAT BINARY)") as copy:
            copy.set_types(["int4", "text", "timestamptz"])
            for n in range(1000):
                copy.write_row((n, "b", moment))
        show("in, binary", cursor.statusmessage)
        try:
            with cursor.copy("COPY lines FROM STDIN") as copy:
                copy.write_row((1, "x", moment))
                raise KeyError("given up")
        except KeyError:
            show("in, given up", conn.info.transaction_status.name)
        try:
            with cursor.copy("COPY lines FROM STDIN") as copy:
                copy.write("not a number\tx\t\\N\n")
        except psycopg.Error as error:
            show("in, refused", diagnostics(error))
        with cursor.copy("COPY (SELECT n, t, at FROM lines ORDER BY n, t LIMIT 5) TO STDOUT (FORMAT CSV, HEADER)") as copy:
            show("out, CSV", b"".join(bytes(chunk) for chunk in copy))
        with cursor.copy("COPY (SELECT n, t FROM lines ORDER BY n, t LIMIT 5) TO STDOUT (FORMAT BINARY)") as copy:
            copy.set_types(["int4", "text"])
            show("out, binary", list(copy.rows()))
        with cursor.copy("COPY lines TO STDOUT") as copy:
            show("out, rows", sum(1 for _ in copy.rows()))
    show("count", conn.execute("SELECT count(*), count(t), sum(n) FROM lines").fetchone())


def cursors(conn):
    section("cursors")
    with conn.transaction():
        with conn.cursor(name="by_name", scrollable=True) as cursor:
            cursor.itersize = 100
            cursor.execute("SELECT n FROM lines ORDER BY n, t LIMIT 1000")
            show("sum", sum(row[0] for row in cursor))
            cursor.scroll(10, mode="absolute")
            show("at 10", cursor.fetchmany(3))
    with conn.cursor(name="held", withhold=True) as cursor:
        cursor.execute("SELECT generate_series(1, 5)")
        show("held", cursor.fetchall())
    with psycopg.connect() as other:
        rows = other.cursor().stream("SELECT generate_series(1, 5000)")
        show("streamed", sum(row[0] for row in rows))


def pipelines(conn):
    section("pipelines")
    with conn.pipeline():
        results = [conn.execute("SELECT %s::int", [n]) for n in range(50)]
        show("sum", sum(result.fetchone()[0] for result in results))
    try:
        with conn.pipeline() as pipeline:
            first = conn.execute("SELECT 1")
            pipeline.sync()
            broken = conn.execute("SELECT 1/0")
            conn.execute("SELECT 2")
            pipeline.sync()
            after = conn.execute("SELECT 3")
            show("before the error", first.fetchone())
            try:
                broken.fetchone()
            except psycopg.Error as error:
                show("the error", error.sqlstate)
            show("after the next Sync", after.fetchone())
    except psycopg.Error as error:
        show("the pipeline ends with", type(error).__name__)


def notices(conn):
    section("notices")
    conn.add_notice_handler(lambda diag: show("notice", (diag.severity, diag.sqlstate, diag.message_primary, diag.message_hint)))
    conn.execute("DO $$ BEGIN RAISE NOTICE 'hello %', 1; RAISE WARNING 'careful' USING HINT = 'slow'; END $$")
    conn.execute("DROP TABLE IF EXISTS nowhere")
    conn.execute("CREATE TABLE IF NOT EXISTS parents ()")


def listening(conn):
    section("LISTEN and NOTIFY")
    with psycopg.connect(autocommit=True) as other:
        conn.execute("LISTEN news")
        other.execute("NOTIFY news, 'first'")
        other.execute("SELECT pg_notify('news', 'second')")
        conn.execute("NOTIFY news, 'own'")
        for notice in conn.notifies(timeout=10, stop_after=3):
            show("notified", (notice.channel, notice.payload, notice.pid == conn.info.backend_pid))
        conn.execute("UNLISTEN *")


def cancelling(conn):
    section("cancel")
    timer = threading.Timer(0.5, lambda: conn.cancel_safe(timeout=10))
    timer.start()
    began = time.monotonic()
    try:
        conn.execute("SELECT pg_sleep(30)")
    except psycopg.errors.QueryCanceled as error:
        show("cancelled", (error.sqlstate, error.diag.message_primary, time.monotonic() - began < 20))
    timer.join()
    show("goes on", conn.execute("SELECT 1").fetchone())
    conn.execute("SET statement_timeout = 100")
    try:
        conn.execute("SELECT pg_sleep(30)")
    except psycopg.errors.QueryCanceled as error:
        show("timed out", error.diag.message_primary)
    conn.execute("RESET statement_timeout")


def parallel():
    section("connections at once")
    sums = []
    def count(n):
        with psycopg.connect() as conn:
            for _ in range(20):
                sums.append(conn.execute("SELECT %s::int", [n]).fetchone()[0])
    threads = [threading.Thread(target=count, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    show("sum", sum(sums))


def reflect():
    section("structure under masks")
    with psycopg.connect() as conn:
        for name in ("customers", "orders", "employees"):
            cursor = conn.execute(sql.SQL("SELECT * FROM {} LIMIT 0").format(sql.Identifier(name)))
            for column in cursor.description:
                show(name, (column.name, column.type_code, column.internal_size, column.precision, column.scale))
        section("masked rows")
        for (email,) in conn.execute("SELECT email FROM customers WHERE id <= %s ORDER BY id", [5]):
            print(f"email {email}")


{"work": work, "reflect": reflect}[mode()]()
