"""SQLAlchemy on psycopg and on asyncpg: Core, ORM, reflection with the inspector, two dialects of one program."""

import asyncio
import datetime
import decimal
import enum
import os
import uuid

import sqlalchemy as sa
from sqlalchemy import orm
from sqlalchemy.dialects import postgresql as pg
from sqlalchemy.ext.asyncio import async_sessionmaker, create_async_engine

from canon import database, mode, section, show


def url(driver):
    host, port, user, password, name, _ = database()
    return sa.URL.create(f"postgresql+{driver}", user, password, host, port, name)


def engine(**options):
    # psycopg reads PGSSLMODE by itself.
    return sa.create_engine(url("psycopg"), **options)


class Base(orm.DeclarativeBase):
    pass


class Mood(enum.Enum):
    sad = 1
    happy = 2


membership = sa.Table(
    "membership", Base.metadata,
    sa.Column("author_id", sa.ForeignKey("authors.id"), primary_key=True),
    sa.Column("club_id", sa.ForeignKey("clubs.id"), primary_key=True),
)


class Author(Base):
    __tablename__ = "authors"
    id: orm.Mapped[int] = orm.mapped_column(sa.Identity(), primary_key=True)
    name: orm.Mapped[str] = orm.mapped_column(sa.String(80), unique=True, comment="as on the cover")
    mood: orm.Mapped[Mood | None]
    born: orm.Mapped[datetime.date | None]
    key: orm.Mapped[uuid.UUID] = orm.mapped_column(server_default=sa.text("gen_random_uuid()"))
    profile: orm.Mapped[dict] = orm.mapped_column(pg.JSONB, server_default="{}")
    tags: orm.Mapped[list[str]] = orm.mapped_column(pg.ARRAY(sa.Text), server_default="{}")
    version: orm.Mapped[int] = orm.mapped_column()
    books: orm.Mapped[list["Book"]] = orm.relationship(back_populates="author", cascade="all, delete-orphan")
    clubs: orm.Mapped[list["Club"]] = orm.relationship(secondary=membership, back_populates="members")
    __mapper_args__ = {"version_id_col": version}


class Book(Base):
    __tablename__ = "books"
    id: orm.Mapped[int] = orm.mapped_column(primary_key=True)
    title: orm.Mapped[str] = orm.mapped_column(sa.Text, index=True)
    price: orm.Mapped[decimal.Decimal] = orm.mapped_column(sa.Numeric(8, 2))
    published: orm.Mapped[datetime.datetime] = orm.mapped_column(sa.DateTime(timezone=True), server_default=sa.func.now())
    author_id: orm.Mapped[int] = orm.mapped_column(sa.ForeignKey("authors.id", ondelete="CASCADE"))
    author: orm.Mapped[Author] = orm.relationship(back_populates="books")
    __table_args__ = (sa.CheckConstraint("price >= 0", name="not_negative"),
                      sa.UniqueConstraint("author_id", "title", name="once"),
                      sa.Index("by_lower_title", sa.text("lower(title)"), postgresql_where=sa.text("price > 1")))


class Club(Base):
    __tablename__ = "clubs"
    id: orm.Mapped[int] = orm.mapped_column(primary_key=True)
    name: orm.Mapped[str]
    members: orm.Mapped[list[Author]] = orm.relationship(secondary=membership, back_populates="clubs")


def work():
    db = engine()
    section("DDL")
    show("server", (db.dialect.name, db.dialect.driver))
    Base.metadata.create_all(db)
    show("tables", sa.inspect(db).get_table_names())
    Base.metadata.create_all(db)
    mapped(db)
    core(db)
    failing(db)
    section("reflection")
    with db.begin() as conn:
        conn.execute(sa.text("CREATE VIEW titles AS SELECT title FROM books"))
        conn.execute(sa.text("CREATE MATERIALIZED VIEW counts AS SELECT count(*) FROM books"))
        conn.execute(sa.text("CREATE TABLE parts (id int, day date) PARTITION BY RANGE (day)"))
        conn.execute(sa.text("CREATE TABLE part_24 PARTITION OF parts FOR VALUES FROM ('2024-01-01') TO ('2025-01-01')"))
        conn.execute(sa.text("CREATE SCHEMA other CREATE TABLE things (id int PRIMARY KEY, twice int GENERATED ALWAYS AS (id * 2) STORED)"))
        conn.execute(sa.text("CREATE DOMAIN code AS text CHECK (VALUE ~ '^[a-z]+$')"))
        conn.execute(sa.text("CREATE SEQUENCE counter"))
    inspect_all(db, ("public", "other"))
    asyncio.run(asynchronous())
    section("DDL, undone")
    with db.begin() as conn:
        for statement in ("DROP VIEW titles", "DROP MATERIALIZED VIEW counts", "DROP TABLE parts", "DROP SCHEMA other CASCADE"):
            conn.execute(sa.text(statement))
    Base.metadata.drop_all(db)
    show("tables", sa.inspect(db).get_table_names())
    db.dispose()


def mapped(db):
    section("ORM")
    sessions = orm.sessionmaker(db)
    with sessions.begin() as session:
        for n in range(50):
            author = Author(name=f"author {n}", mood=Mood.happy if n % 2 else None, born=datetime.date(1990, 1, 1 + n % 28),
                            profile={"n": n, "nested": {"list": [1, None]}}, tags=["x", str(n)])
            author.books = [Book(title=f"book {n}.{k}", price=decimal.Decimal(n) + decimal.Decimal("0.25")) for k in range(4)]
            session.add(author)
        session.add(Club(name="readers", members=[author]))
    with sessions() as session:
        one = session.scalars(sa.select(Author).where(Author.name == "author 7").options(orm.selectinload(Author.books))).one()
        show("loaded", (one.id, one.mood.name, one.born, one.profile, one.tags, len(one.books), one.version))
        show("joined", [a.name for a in session.scalars(
            sa.select(Author).join(Author.books).where(Book.price > 48).options(orm.joinedload(Author.clubs))
            .order_by(Author.id)).unique()])
        show("aggregated", [tuple(row) for row in session.execute(
            sa.select(Author.mood, sa.func.count(), sa.func.sum(Book.price)).join(Author.books)
            .group_by(Author.mood).order_by(Author.mood.nulls_first()))])
        show("JSON path", session.scalar(sa.select(sa.func.count()).where(Author.profile["nested"]["list"][0].as_integer() == 1)))
        show("array contains", session.scalars(sa.select(Author.name).where(Author.tags.contains(["7"]))).all())
        ranked = sa.select(Book.title, sa.func.rank().over(partition_by=Book.author_id, order_by=Book.title).label("r")).subquery()
        show("window", session.execute(sa.select(sa.func.count()).select_from(ranked).where(ranked.c.r == 1)).scalar_one())
    with sessions() as session:
        one = session.get(Author, 1)
        one.name = "renamed"
        one.books.pop()
        session.flush()
        show("flushed", (one.version, len(one.books)))
        session.rollback()
        show("rolled back", (one.name, len(one.books)))
        with session.begin_nested():
            one.name = "kept"
        try:
            with session.begin_nested():
                session.add(Author(name="author 2"))
                session.flush()
        except sa.exc.IntegrityError as error:
            show("savepoint", error.orig.sqlstate)
        session.commit()
        show("committed", session.scalar(sa.select(Author.name).where(Author.id == 1)))
    with sessions() as first, sessions() as second:
        mine, theirs = first.get(Author, 3), second.get(Author, 3)
        mine.name, theirs.name = "mine", "theirs"
        first.commit()
        try:
            second.commit()
        except orm.exc.StaleDataError:
            show("stale", "noticed")
    with sessions.begin() as session:
        session.delete(session.get(Author, 2))
    with sessions() as session:
        show("deleted with its books", session.scalar(sa.select(sa.func.count()).where(Book.author_id == 2)))
        show("bulk update", session.execute(sa.update(Book).where(Book.price < 5).values(price=Book.price + 1)).rowcount)
        show("update returning", session.scalars(sa.update(Author).where(Author.id < 4).values(version=9).returning(Author.id)).all())
        session.commit()


def core(db):
    section("Core")
    books = Book.__table__
    with db.begin() as conn:
        conn.execute(sa.insert(books), [{"title": f"bulk {n}", "price": n, "author_id": 1} for n in range(2500)])
        inserted = conn.execute(sa.insert(books).returning(books.c.id, sort_by_parameter_order=True),
                                [{"title": f"back {n}", "price": n, "author_id": 1} for n in range(5)])
        show("insertmanyvalues", len(inserted.all()))
        upsert = pg.insert(books).values(title="bulk 1", price=7, author_id=1)
        show("on conflict", conn.execute(upsert.on_conflict_do_update(
            constraint="once", set_={"price": upsert.excluded.price}).returning(books.c.price)).scalar_one())
    with db.connect().execution_options(stream_results=True, max_row_buffer=100) as conn:
        show("streamed", sum(row.price for row in conn.execute(sa.select(books.c.price).where(books.c.title.like("bulk%")))))
    with db.connect().execution_options(isolation_level="SERIALIZABLE", postgresql_readonly=True) as conn:
        show("isolation", conn.exec_driver_sql("SHOW transaction_isolation").scalar())
    with db.connect() as conn:
        tree = sa.select(sa.literal(1).label("n")).cte(recursive=True)
        tree = tree.union_all(sa.select(tree.c.n + 1).where(tree.c.n < 10))
        show("recursive", conn.execute(sa.select(sa.func.sum(tree.c.n))).scalar())
        show("FOR UPDATE", len(conn.execute(sa.select(books.c.id).limit(3).with_for_update(skip_locked=True)).all()))
        show("values", conn.execute(sa.select(sa.values(sa.column("a", sa.Integer), sa.column("b", sa.Text), name="v")
                                              .data([(1, "x"), (2, None)]))).all().__len__())


def failing(db):
    section("errors")
    for statement in ("SELECT * FROM nowhere", "SELECT nothing FROM books", "INSERT INTO clubs DEFAULT VALUES",
                      "INSERT INTO books (title, price, author_id) VALUES ('t', -1, 1)",
                      "INSERT INTO books (title, price, author_id) VALUES ('t', 1, -1)"):
        with db.connect() as conn:
            try:
                conn.execute(sa.text(statement))
            except sa.exc.DBAPIError as error:
                show(statement, (type(error).__name__, error.orig.sqlstate, error.orig.diag.constraint_name))


def plain(value):
    """What the inspector says, with types as text and without what differs from one run to the next."""
    match value:
        case dict():
            return {str(k): plain(v) for k, v in value.items() if v is not None}
        case list() | tuple():
            return [plain(each) for each in value]
        case sa.types.TypeEngine():
            return repr(value)
        case _:
            return value


def inspect_all(db, schemas):
    inspector = sa.inspect(db)
    show("default schema", inspector.default_schema_name)
    show("schemas", inspector.get_schema_names())
    for schema in schemas:
        show(f"{schema} views", inspector.get_view_names(schema))
        show(f"{schema} materialized views", inspector.get_materialized_view_names(schema))
        show(f"{schema} sequences", inspector.get_sequence_names(schema))
        show(f"{schema} enums", plain(inspector.get_enums(schema)))
        show(f"{schema} domains", plain(inspector.get_domains(schema)))
        show(f"{schema} temporary", (inspector.get_temp_table_names(), inspector.get_temp_view_names()))
        for name in inspector.get_view_names(schema):
            show(f"{schema}.{name} definition", inspector.get_view_definition(name, schema))
        every = sa.engine.reflection.ObjectKind.ANY
        for what in ("columns", "pk_constraint", "foreign_keys", "indexes", "unique_constraints", "check_constraints",
                     "table_comment", "table_options"):
            found = getattr(inspector, f"get_multi_{what}")(schema=schema, kind=every)
            for (_, name), facts in sorted(found.items(), key=lambda item: item[0][1]):
                show(f"{schema}.{name} {what}", plain(facts))
    metadata = sa.MetaData()
    metadata.reflect(db, views=True)
    show("reflected", [(t.name, [c.name for c in t.columns]) for t in metadata.sorted_tables])
    for name in sorted(metadata.tables):
        show(f"single {name}", [plain(inspector.get_columns(name)), inspector.has_table(name)])
    show("has no such table", inspector.has_table("nowhere"))


async def asynchronous():
    section("ORM on asyncpg")
    tls = "require" if os.environ["PGSSLMODE"] == "require" else False
    db = create_async_engine(url("asyncpg"), connect_args={"ssl": tls})
    sessions = async_sessionmaker(db)
    async with sessions.begin() as session:
        session.add(Author(name="from asyncpg", mood=Mood.sad, profile={"a": 1}, tags=["t"], books=[Book(title="b", price=decimal.Decimal(1))]))
    async with sessions() as session:
        one = (await session.scalars(sa.select(Author).where(Author.name == "from asyncpg").options(orm.selectinload(Author.books)))).one()
        show("loaded", (one.mood.name, one.profile, one.tags, [(b.title, b.price) for b in one.books]))
        rows = await session.stream_scalars(sa.select(Book.price).order_by(Book.id).execution_options(yield_per=50))
        show("streamed", sum([price async for price in rows]))
        try:
            session.add(Author(name="from asyncpg"))
            await session.commit()
        except sa.exc.IntegrityError as error:
            show("error", error.orig.sqlstate)
    async with db.connect() as conn:
        show("inspected", await conn.run_sync(lambda sync: [c["name"] for c in sa.inspect(sync).get_columns("authors")]))
    await db.dispose()


def reflect():
    db = engine()
    section("reflection under masks")
    inspect_all(db, ("public",))
    section("masked rows")
    customers = sa.Table("customers", sa.MetaData(), autoload_with=db)
    with db.connect() as conn:
        for email in conn.execute(sa.select(customers.c.email).where(customers.c.id <= 5).order_by(customers.c.id)).scalars():
            print(f"email {email}")


{"work": work, "reflect": reflect}[mode()]()
