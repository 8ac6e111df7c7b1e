"""How the Python clients write their transcripts: one line a fact, the same for the same facts, in sections.

A value is written with its type, so that a number that arrives as text is seen. Nothing here depends on the server's
address, on object ids or on the time of day.
"""

import datetime
import decimal
import os
import sys


def section(name):
    print(f"## {name}", flush=True)


def show(label, value):
    print(f"{label}: {canon(value)}", flush=True)


def canon(value):
    match value:
        case None:
            return "NULL"
        case bool():
            return f"bool {str(value).lower()}"
        case str():
            return f"str {value!r}"
        case bytes() | memoryview() | bytearray():
            return f"bytes {bytes(value).hex()}"
        case decimal.Decimal():
            return f"Decimal {value}"
        case float():
            return f"float {value!r}"
        case datetime.datetime():
            zoned = value if value.tzinfo is None else value.astimezone(datetime.timezone.utc)
            return f"datetime {zoned.isoformat()}"
        case dict():
            return "{" + ", ".join(f"{canon(k)}: {canon(v)}" for k, v in sorted(value.items(), key=lambda i: str(i[0]))) + "}"
        case list():
            return "[" + ", ".join(canon(each) for each in value) + "]"
        case tuple():
            return "(" + ", ".join(canon(each) for each in value) + ")"
        case set() | frozenset():
            return "{" + ", ".join(sorted(canon(each) for each in value)) + "}"
        case _:
            return f"{type(value).__name__} {value}"


def mode():
    """What to do: `work`, or `reflect` for reading the shop's structure as somebody who sees masks."""
    chosen = sys.argv[1] if len(sys.argv) > 1 else ""
    if chosen not in ("work", "reflect"):
        sys.exit(f"usage: {sys.argv[0]} work|reflect")
    return chosen


def database():
    """Host, port, user, password, name, and whether TLS is asked for."""
    env = os.environ
    return env["PGHOST"], int(env["PGPORT"]), env["PGUSER"], env["PGPASSWORD"], env["PGDATABASE"], env["PGSSLMODE"]
