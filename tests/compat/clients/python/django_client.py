"""Django: its schema editor with migrations, the ORM, and inspectdb."""

import datetime
import decimal
import io
import os
import sys
import types
import uuid

import django
from django.conf import settings

from canon import database, mode, section, show

HOST, PORT, USER, PASSWORD, NAME, SSLMODE = database()
settings.configure(
    DATABASES={"default": {
        "ENGINE": "django.db.backends.postgresql", "HOST": HOST, "PORT": PORT, "USER": USER, "PASSWORD": PASSWORD, "NAME": NAME,
        "OPTIONS": {"sslmode": SSLMODE},
    }},
    INSTALLED_APPS=["shelf", "django.contrib.contenttypes", "django.contrib.auth", "django.contrib.postgres"],
    USE_TZ=True, TIME_ZONE="UTC", DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
)
# The models below belong to an app that is this file.
sys.modules["shelf"] = types.ModuleType("shelf")
sys.modules["shelf"].__path__ = [os.path.dirname(os.path.abspath(__file__))]
django.setup()

from django.contrib.auth.models import Group, Permission, User
from django.contrib.postgres.fields import ArrayField, DateRangeField
from django.contrib.postgres.indexes import GinIndex
from django.core.management import call_command
from django.db import IntegrityError, DatabaseError, connection, models, transaction
from django.db.models import Avg, Count, Exists, F, OuterRef, Q, Sum, Window
from django.db.models.functions import Lower, Rank, TruncMonth

class Author(models.Model):
    name = models.CharField(max_length=80, unique=True)
    key = models.UUIDField(default=uuid.UUID(int=1))
    tags = ArrayField(models.CharField(max_length=20), default=list)
    profile = models.JSONField(default=dict)

    class Meta:
        app_label = "shelf"
        indexes = [GinIndex(fields=["tags"], name="author_tags")]
        constraints = [models.UniqueConstraint(Lower("name"), name="lower_name")]


class Book(models.Model):
    title = models.TextField(db_index=True)
    price = models.DecimalField(max_digits=8, decimal_places=2)
    published = models.DateTimeField(null=True)
    lent = DateRangeField(null=True)
    took = models.DurationField(null=True)
    cover = models.BinaryField(null=True)
    at = models.GenericIPAddressField(null=True)
    author = models.ForeignKey(Author, on_delete=models.CASCADE, related_name="books")

    class Meta:
        app_label = "shelf"
        constraints = [models.CheckConstraint(condition=Q(price__gte=0), name="not_negative")]


def work():
    section("schema editor")
    with connection.schema_editor() as editor:
        editor.create_model(Author)
        editor.create_model(Book)
    changed = models.CharField(max_length=120, default="", db_comment="what it is about")
    changed.set_attributes_from_name("about")
    changed.model = Book
    longer = models.CharField(max_length=500, null=True, db_index=True)
    longer.set_attributes_from_name("about")
    longer.model = Book
    renamed = models.CharField(max_length=500, null=True, db_index=True)
    renamed.set_attributes_from_name("subject")
    renamed.model = Book
    with connection.schema_editor() as editor:
        editor.add_field(Book, changed)
        editor.alter_field(Book, changed, longer)
        editor.alter_field(Book, longer, renamed)
        editor.add_index(Book, models.Index(fields=["price", "-published"], name="by_price"))
        editor.alter_db_table_comment(Book, None, "what is on the shelf")
        editor.alter_unique_together(Book, [], [("author", "title")])
    describe()
    with connection.schema_editor() as editor:
        editor.remove_field(Book, renamed)
        editor.remove_constraint(Author, Author._meta.constraints[0])
        editor.alter_db_table(Author, "shelf_author", "shelf_writer")
        editor.alter_db_table(Author, "shelf_writer", "shelf_author")
    section("migrations")
    out = io.StringIO()
    call_command("migrate", stdout=out, no_color=True, verbosity=1)
    for line in out.getvalue().splitlines():
        print(line)
    out = io.StringIO()
    call_command("migrate", "auth", "0008", stdout=out, no_color=True)
    call_command("migrate", stdout=out, no_color=True)
    show("back and forth", out.getvalue().count("OK"))
    show("permissions", Permission.objects.count())
    objects()
    querying()
    failing()
    cursors()
    section("inspectdb")
    inspectdb()


def describe():
    with connection.cursor() as cursor:
        for table in sorted(t.name for t in connection.introspection.get_table_list(cursor)):
            show(table, [(c.name, field_of(c), c.null_ok, c.default, c.comment)
                         for c in connection.introspection.get_table_description(cursor, table)])
            show(f"{table} sequences", connection.introspection.get_sequences(cursor, table))
            show(f"{table} relations", dict(connection.introspection.get_relations(cursor, table)))
            show(f"{table} key", connection.introspection.get_primary_key_columns(cursor, table))
            for name, facts in sorted(connection.introspection.get_constraints(cursor, table).items()):
                # Django puts a digest of the names into some names, and the name of the server's own into others.
                show(f"{table} constraint", (name, {k: v for k, v in facts.items() if k != "definition"}))


def field_of(column):
    try:
        return connection.introspection.get_field_type(column.type_code, column)
    except KeyError:
        return f"type {column.type_code}"


def inspectdb():
    out = io.StringIO()
    call_command("inspectdb", stdout=out, include_views=True)
    for line in out.getvalue().splitlines():
        print(f"  {line}" if line.startswith(" ") else line)


def objects():
    section("ORM")
    authors = Author.objects.bulk_create([Author(name=f"author {n}", tags=["x", str(n)], profile={"n": n, "deep": [1, None]}) for n in range(50)])
    show("ids", (authors[0].pk, authors[-1].pk))
    moment = datetime.datetime(2024, 1, 1, tzinfo=datetime.timezone.utc)
    Book.objects.bulk_create([
        Book(title=f"book {a.pk}.{k}", price=decimal.Decimal(k) + decimal.Decimal("0.5"), author=a, published=moment + datetime.timedelta(days=k * 20),
             took=datetime.timedelta(hours=k), cover=b"\x00\xff", at="10.0.0.1", lent=(datetime.date(2024, 1, 1), datetime.date(2024, 2, 1)))
        for a in authors for k in range(4)], batch_size=37)
    book = Book.objects.select_related("author").get(title="book 3.2")
    book.refresh_from_db()
    show("read", (book.author.name, book.price, book.published, book.took, bytes(book.cover), book.at, str(book.lent)))
    with transaction.atomic():
        locked = Author.objects.select_for_update(skip_locked=True).filter(pk__lt=3).order_by("pk")
        show("locked", [a.pk for a in locked])
    found, made = Author.objects.get_or_create(name="author 1", defaults={"key": uuid.UUID(int=9)})
    show("get_or_create", (found.pk, made))
    found, made = Author.objects.update_or_create(name="fresh", defaults={"tags": ["new"]})
    show("update_or_create", (made, found.tags))
    show("upsert", len(Author.objects.bulk_create([Author(name="fresh", tags=["a"])], update_conflicts=True, unique_fields=["name"], update_fields=["tags"])))
    try:
        with transaction.atomic():
            Author.objects.create(name="lost")
            try:
                with transaction.atomic():
                    Author.objects.create(name="author 1")
            except IntegrityError as error:
                show("savepoint", error.__cause__.sqlstate)
            raise KeyError
    except KeyError:
        show("rolled back", Author.objects.filter(name="lost").exists())
    user = User.objects.create_user("ann", "ann@example.org", None)
    group = Group.objects.create(name="readers")
    user.groups.add(group)
    show("many to many", list(User.objects.filter(groups__name="readers").values_list("username", "is_active")))


def querying():
    section("queries")
    show("aggregate", Book.objects.aggregate(Sum("price"), Avg("price"), Count("author", distinct=True)))
    show("annotated", list(Author.objects.annotate(n=Count("books"), total=Sum("books__price")).filter(n__gt=3).order_by("pk").values_list("pk", "n", "total")[:3]))
    show("by month", list(Book.objects.annotate(m=TruncMonth("published")).values("m").annotate(n=Count("*")).order_by("m").values_list("m", "n")))
    show("array", Author.objects.filter(tags__contains=["7"]).count())
    show("json", Author.objects.filter(profile__deep__0=1, profile__n__gte=48).count())
    show("exists", Author.objects.filter(Exists(Book.objects.filter(author=OuterRef("pk"), price__gt=3))).count())
    show("window", list(Book.objects.annotate(r=Window(Rank(), order_by=F("price").desc())).order_by("r", "pk").values_list("r", flat=True)[:5]))
    show("prefetched", sum(len(a.books.all()) for a in Author.objects.prefetch_related("books").order_by("pk")[:10]))
    show("updated", Book.objects.filter(price__lt=1).update(price=F("price") + 1))
    show("deleted", Author.objects.filter(pk=5).delete()[1])
    show("union", Author.objects.filter(pk=1).union(Author.objects.filter(pk=2)).count())
    show("explain", "Scan" in Author.objects.filter(pk=1).explain())
    show("raw", [a.name for a in Author.objects.raw("SELECT * FROM shelf_author WHERE id < %s ORDER BY id", [3])])
    show("search", Book.objects.filter(title__search="book").count())


def failing():
    section("errors")
    for label, act in (
        ("unique", lambda: Author.objects.create(name="author 1")),
        ("check", lambda: Book.objects.create(title="t", price=-1, author_id=1)),
        ("reference", lambda: Book.objects.create(title="t", price=1, author_id=-1)),
        ("not null", lambda: Book.objects.create(title="t", price=None, author_id=1)),
        ("no table", lambda: list(Author.objects.raw("SELECT * FROM nowhere"))),
        ("too long", lambda: Author.objects.create(name="x" * 81)),
    ):
        try:
            act()
            # Foreign keys are deferred: checked at the commit.
            connection.check_constraints()
            show(label, "no error")
        except DatabaseError as error:
            show(label, (type(error).__name__, error.__cause__.sqlstate, error.__cause__.diag.constraint_name))


def cursors():
    section("cursors")
    show("iterator", sum(1 for _ in Book.objects.order_by("pk").iterator(chunk_size=30)))
    with transaction.atomic():
        show("in a transaction", sum(b.pk for b in Book.objects.order_by("pk").iterator(chunk_size=30)) > 0)
    with connection.cursor() as cursor:
        cursor.execute("SELECT %s::int, %s", [1, "a%b"])
        show("cursor", cursor.fetchone())
        cursor.executemany("INSERT INTO auth_group (name) VALUES (%s)", [("a",), ("b",)])
        show("executemany", cursor.rowcount)


def reflect():
    section("introspection under masks")
    describe()
    section("inspectdb under masks")
    inspectdb()
    section("masked rows")
    with connection.cursor() as cursor:
        cursor.execute("SELECT email FROM customers WHERE id <= %s ORDER BY id", [5])
        for (email,) in cursor:
            print(f"email {email}")


{"work": work, "reflect": reflect}[mode()]()
