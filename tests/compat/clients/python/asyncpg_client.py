"""asyncpg: everything prepared and in binary, its own introspection of types, cursors, COPY in binary, listeners, a pool."""

import asyncio
import datetime
import decimal
import io
import ssl
import uuid

import asyncpg

from canon import database, mode, section, show


def target():
    host, port, user, password, name, sslmode = database()
    tls = False
    if sslmode == "require":
        tls = ssl.create_default_context()
        tls.check_hostname = False
        tls.verify_mode = ssl.CERT_NONE
    return dict(host=host, port=port, user=user, password=password, database=name, ssl=tls)


async def work():
    conn = await asyncpg.connect(**target())
    try:
        await schema(conn)
        await types(conn)
        await batches(conn)
        await prepared(conn)
        await transactions(conn)
        await errors(conn)
        await cursors(conn)
        await copying(conn)
        await listening(conn)
        await cancelling(conn)
        await resetting(conn)
    finally:
        await conn.close()
    await pooled()


async def schema(conn):
    section("DDL")
    show("server version", conn.get_server_version().releaselevel)
    show("settings", (conn.get_settings().server_encoding, conn.get_settings().TimeZone))
    for statement in (
        "CREATE TYPE mood AS ENUM ('sad', 'happy')",
        "CREATE TYPE place AS (street text, number int, feeling mood)",
        "CREATE DOMAIN positive AS int CHECK (VALUE > 0)",
        "CREATE TABLE items (id serial PRIMARY KEY, name text UNIQUE, price numeric(10,2), at timestamptz, tags text[], "
        "doc jsonb, home place, rank positive)",
    ):
        show(statement.split("(")[0].strip(), await conn.execute(statement))
    show("several in one", await conn.execute("CREATE TABLE a (); CREATE TABLE b (); DROP TABLE a, b"))


async def types(conn):
    section("types in binary")
    utc = datetime.timezone.utc
    values = [
        ("int2", 1), ("int8", -2**63), ("float4", 0.5), ("float8", float("inf")), ("numeric", decimal.Decimal("1e-20")),
        ("numeric", decimal.Decimal("NaN")), ("bool", True), ("text", "tëxt"), ("varchar(3)", "abc"), ("bytea", b"\0\xff"),
        ("uuid", uuid.UUID(int=7)), ("date", datetime.date(2024, 2, 29)), ("date", datetime.date.max),
        ("time", datetime.time(1, 2, 3, 4)), ("timetz", datetime.time(1, 2, tzinfo=utc)),
        ("timestamp", datetime.datetime(2024, 1, 1)), ("timestamptz", datetime.datetime(2024, 1, 1, tzinfo=utc)),
        ("interval", datetime.timedelta(days=3, microseconds=5)), ("json", '{"a": 1}'), ("jsonb", '{"a": [null]}'),
        ("inet", "10.1.2.3/8"), ("cidr", "10.0.0.0/8"), ("macaddr", "08:00:2b:01:02:03"),
        ("bit(3)", asyncpg.BitString("101")), ("point", asyncpg.Point(1, 2)), ("box", asyncpg.Box((2, 2), (0, 0))),
        ("circle", asyncpg.Circle((0, 0), 3)),
        ("int4range", asyncpg.Range(1, 5)), ("int4multirange", [asyncpg.Range(1, 2), asyncpg.Range(4, None)]),
        ("int4[]", [1, None, 3]), ("int4[]", [[1, 2], [3, 4]]), ("text[]", ["a,b", None]), ("mood", "happy"),
        ("mood[]", ["sad", "happy"]), ("place", ("street", 5, "sad")), ("place[]", [("s", None, None)]), ("positive", 3),
        ("oid", 5), ("name", "n"), ("\"char\"", b"c"), ("xml", "<a/>"), ("money", "$1.50"), ("tsquery", "'a' & 'b'"),
    ]
    for name, value in values:
        show(f"{name} {value!r}", await conn.fetchrow(f"SELECT $1::{name} AS v, NULL::{name} AS n", value))
    await conn.set_type_codec("jsonb", encoder=str, decoder=lambda text: ("decoded", text), schema="pg_catalog")
    show("own codec", await conn.fetchval("SELECT '{}'::jsonb"))
    await conn.reset_type_codec("jsonb", schema="pg_catalog")
    show("many columns", len(await conn.fetchrow("SELECT " + ", ".join(f"{n} AS c{n}" for n in range(1600)))))


async def batches(conn):
    section("inserts in batches")
    rows = [(f"item {n}", decimal.Decimal(n) / 4, ["t", str(n)]) for n in range(1000)]
    await conn.executemany("INSERT INTO items (name, price, tags) VALUES ($1, $2, $3)", rows)
    show("sums", await conn.fetchrow("SELECT count(*), sum(price), max(tags[2]) FROM items"))
    show("fetchmany", await conn.fetchmany("INSERT INTO items (name) VALUES ($1) RETURNING id, name", [("x",), ("y",)]))
    try:
        await conn.executemany("INSERT INTO items (name) VALUES ($1)", [("fresh",), ("x",)])
    except asyncpg.UniqueViolationError as error:
        show("all or nothing", (error.constraint_name, await conn.fetchval("SELECT count(*) FROM items WHERE name = 'fresh'")))


async def prepared(conn):
    section("prepared statements")
    statement = await conn.prepare("SELECT id, name, price FROM items WHERE id = $1 AND price >= $2")
    show("parameters", [(each.name, each.kind) for each in statement.get_parameters()])
    show("columns", [(each.name, each.type.name) for each in statement.get_attributes()])
    for n in range(1, 6):
        show(f"run {n}", await statement.fetchrow(n, decimal.Decimal(0)))
    show("plan", (await statement.explain(1, decimal.Decimal(0)))[0]["Plan"]["Node Type"])
    await conn.execute("ALTER TABLE items ADD COLUMN extra int")
    show("after ALTER", await statement.fetchval(1, 0))
    star = await conn.prepare("SELECT * FROM items WHERE id = $1")
    await star.fetchrow(1)
    await conn.execute("ALTER TABLE items DROP COLUMN extra")
    try:
        show("changed columns", len(await star.fetchrow(1)))
    except asyncpg.PostgresError as error:
        show("changed columns", (error.sqlstate, error.message))
    show("by the cache", len(await conn.fetchrow("SELECT * FROM items WHERE id = $1", 1)))


async def transactions(conn):
    section("transactions")
    count = lambda: conn.fetchval("SELECT count(*) FROM items WHERE rank IS NOT NULL")
    async with conn.transaction():
        await conn.execute("UPDATE items SET rank = 1 WHERE id = 1")
    show("committed", await count())
    try:
        async with conn.transaction(isolation="serializable"):
            await conn.execute("UPDATE items SET rank = 1 WHERE id = 2")
            show("isolation", await conn.fetchval("SHOW transaction_isolation"))
            raise KeyError
    except KeyError:
        show("rolled back", await count())
    async with conn.transaction():
        await conn.execute("UPDATE items SET rank = 2 WHERE id = 2")
        try:
            async with conn.transaction():
                await conn.execute("UPDATE items SET rank = 0 WHERE id = 3")
        except asyncpg.CheckViolationError as error:
            show("savepoint", error.constraint_name)
        show("still in it", conn.is_in_transaction())
    show("after the savepoint", await count())
    async with conn.transaction(readonly=True, isolation="repeatable_read"):
        try:
            async with conn.transaction():
                await conn.execute("DELETE FROM items")
        except asyncpg.ReadOnlySQLTransactionError as error:
            show("read only", error.message)


async def errors(conn):
    section("errors")
    for statement, *values in (
        ("SELECT nothing FROM items",), ("SELECT * FROM nowhere",), ("SELEC",), ("SELECT $1::int / $2::int", 1, 0),
        ("INSERT INTO items (name) VALUES ($1)", "x"), ("SELECT no_such($1::int)", 1), ("SELECT $1::positive", -1),
    ):
        try:
            await conn.fetch(statement, *values)
            show(statement, "no error")
        except asyncpg.PostgresError as error:
            fields = {key: value for key, value in error.as_dict().items() if value is not None and key != "server_source_line"}
            show(statement, {"class": type(error).__name__, **fields})
    try:
        await conn.fetch("SELECT $1::int", "text")
    except asyncpg.DataError as error:
        show("refused by the client", str(error))


async def cursors(conn):
    section("cursors")
    async with conn.transaction():
        total = 0
        async for row in conn.cursor("SELECT id FROM items WHERE id > $1 ORDER BY id", 10, prefetch=37):
            total += row["id"]
        show("sum", total)
        cursor = await conn.cursor("SELECT id FROM items ORDER BY id")
        show("forward", await cursor.forward(10))
        show("fetch", await cursor.fetch(3))
        show("fetchrow", await cursor.fetchrow())


async def copying(conn):
    section("COPY")
    records = [(f"c{n}", n + 1) for n in range(2000)]
    show("records in", await conn.copy_records_to_table("items", records=records, columns=["name", "rank"]))
    show("text in", await conn.copy_to_table("items", source=io.BytesIO(b"from text\t1.25\n"), columns=["name", "price"]))
    out = io.BytesIO()
    show("query out", await conn.copy_from_query("SELECT id, name FROM items WHERE id < $1 ORDER BY id", 4, output=out, format="csv"))
    show("bytes", out.getvalue())
    out = io.BytesIO()
    show("table out", await conn.copy_from_table("items", columns=["name", "rank"], output=out, format="binary"))
    show("length", len(out.getvalue()))
    try:
        await conn.copy_to_table("items", source=io.BytesIO(b"bad\tnumber\n"), columns=["name", "price"])
    except asyncpg.PostgresError as error:
        show("refused", (error.sqlstate, error.context))


async def listening(conn):
    section("LISTEN and NOTIFY")
    heard = asyncio.Queue()
    listener = lambda _conn, pid, channel, payload: heard.put_nowait((pid == conn.get_server_pid(), channel, payload))
    await conn.add_listener("news", listener)
    other = await asyncpg.connect(**target())
    await other.fetchval("SELECT pg_notify('news', $1)", "other")
    show("heard", await asyncio.wait_for(heard.get(), 10))
    await conn.execute("NOTIFY news, 'own'")
    show("heard", await asyncio.wait_for(heard.get(), 10))
    await conn.remove_listener("news", listener)
    await other.close()
    logged = []
    conn.add_log_listener(lambda _conn, message: logged.append((message.severity, message.message)))
    await conn.execute("DO $$ BEGIN RAISE WARNING 'careful'; END $$")
    await asyncio.sleep(0)
    show("notices", logged)


async def cancelling(conn):
    section("cancel")
    try:
        await conn.execute("SELECT pg_sleep(30)", timeout=0.5)
    except asyncio.TimeoutError:
        show("timed out", await conn.fetchval("SELECT 'goes on'"))
    task = asyncio.ensure_future(conn.fetch("SELECT pg_sleep(30)"))
    await asyncio.sleep(0.3)
    task.cancel()
    try:
        await task
    except asyncio.CancelledError:
        show("cancelled", await conn.fetchval("SELECT 'goes on'"))


async def resetting(conn):
    section("reset")
    await conn.execute("SET search_path = pg_catalog; SET application_name = 'asyncpg'")
    await conn.reset()
    show("after reset", (await conn.fetchval("SHOW search_path"), await conn.fetchval("SHOW application_name")))


async def pooled():
    section("pool")
    async with asyncpg.create_pool(**target(), min_size=2, max_size=5) as pool:
        async def one(n):
            async with pool.acquire() as conn:
                async with conn.transaction():
                    return await conn.fetchval("SELECT $1::int * 2", n)
        show("sum", sum(await asyncio.gather(*(one(n) for n in range(100)))))
        show("session state", await pool.fetchval("SELECT count(*) FROM pg_listening_channels()"))


async def reflect():
    conn = await asyncpg.connect(**target())
    section("structure under masks")
    for name in ("customers", "orders", "employees", "payments", "customer_overview"):
        statement = await conn.prepare(f"SELECT * FROM {name}")
        for column in statement.get_attributes():
            show(name, (column.name, column.type.name, column.type.schema))
    section("masked rows")
    for row in await conn.fetch("SELECT email FROM customers WHERE id <= $1 ORDER BY id", 5):
        print(f"email {row['email']}")
    await conn.close()


asyncio.run({"work": work, "reflect": reflect}[mode()]())
