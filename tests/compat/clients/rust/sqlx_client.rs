//! sqlx: the statement cache and its describes, a pool, typed rows, migrations with their lock, streams, COPY, a listener.
mod canon;

use canon::{section, show, wants_work};
use chrono::{DateTime, NaiveDate, Utc};
use futures_util::{StreamExt, TryStreamExt};
use rust_decimal::Decimal;
use sqlx::migrate::Migrator;
use sqlx::postgres::types::{PgInterval, PgRange};
use sqlx::postgres::{PgConnectOptions, PgDatabaseError, PgListener, PgPool, PgPoolCopyExt, PgPoolOptions};
use sqlx::{AssertSqlSafe, Column, Connection, Executor, Row, SqlSafeStr, Statement, TypeInfo};
use uuid::Uuid;

#[derive(Debug, sqlx::Type)]
#[sqlx(type_name = "mood", rename_all = "lowercase")]
enum Mood {
    Sad,
    Happy,
}

#[derive(Debug, sqlx::Type)]
#[sqlx(type_name = "place")]
struct Place {
    street: String,
    number: Option<i32>,
}

#[derive(Debug, sqlx::FromRow)]
#[allow(dead_code)]
struct Item {
    id: i32,
    name: String,
    price: Option<Decimal>,
    feeling: Option<Mood>,
}

/// Reads libpq's environment variables by itself.
async fn pool() -> sqlx::Result<PgPool> {
    PgPoolOptions::new().max_connections(4).connect_with(PgConnectOptions::new()).await
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    if wants_work() {
        work().await
    } else {
        Ok(reflect().await?)
    }
}

async fn work() -> Result<(), Box<dyn std::error::Error>> {
    let pool = pool().await?;
    section("migrations");
    let migrator = Migrator::new(std::path::Path::new("migrations")).await?;
    migrator.run(&pool).await?;
    migrator.run(&pool).await?;
    for row in sqlx::query("SELECT version, description, success FROM _sqlx_migrations ORDER BY version").fetch_all(&pool).await? {
        show("applied", (row.get::<i64, _>(0), row.get::<String, _>(1), row.get::<bool, _>(2)));
    }
    types(&pool).await?;
    described(&pool).await?;
    rows(&pool).await?;
    transactions(&pool).await?;
    errors(&pool).await?;
    copying(&pool).await?;
    listening(&pool).await?;
    at_once(&pool).await?;
    section("migrations, undone");
    migrator.undo(&pool, 1).await?;
    show("tables", sqlx::query_scalar::<_, i64>("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'").fetch_one(&pool).await?);
    pool.close().await;
    Ok(())
}

async fn types(pool: &PgPool) -> sqlx::Result<()> {
    section("types in binary");
    let at: DateTime<Utc> = "2024-02-29T12:34:56.000789Z".parse().expect("a moment");
    let row = sqlx::query("SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17")
        .bind(i16::MIN).bind(i64::MAX).bind(0.5f32).bind(f64::INFINITY).bind("123456789.0123456789".parse::<Decimal>().expect("a number")).bind(true)
        .bind("tëxt '\\ \u{1f418}").bind(vec![0u8, 255]).bind(Uuid::from_u128(7)).bind(NaiveDate::from_ymd_opt(2024, 2, 29)).bind(at).bind(at.naive_utc())
        .bind(PgInterval { months: 1, days: 2, microseconds: 3 }).bind(serde_json::json!({"a": [1, null]})).bind(vec![Some(1), None])
        .bind(PgRange::from(1i32..9)).bind(None::<String>)
        .fetch_one(pool).await?;
    show("numbers", (row.get::<i16, _>(0), row.get::<i64, _>(1), row.get::<f32, _>(2), row.get::<f64, _>(3), row.get::<Decimal, _>(4), row.get::<bool, _>(5)));
    show("texts", (row.get::<String, _>(6), row.get::<Vec<u8>, _>(7), row.get::<Uuid, _>(8)));
    show("times", (row.get::<NaiveDate, _>(9), row.get::<DateTime<Utc>, _>(10), row.get::<chrono::NaiveDateTime, _>(11), row.get::<PgInterval, _>(12)));
    show("others", (row.get::<serde_json::Value, _>(13), row.get::<Vec<Option<i32>>, _>(14), row.get::<PgRange<i32>, _>(15), row.get::<Option<String>, _>(16)));
    show("columns", row.columns().iter().map(|column| column.type_info().name().to_owned()).collect::<Vec<_>>());
    let (mood, place): (Mood, Place) = sqlx::query_as("SELECT $1, $2").bind(Mood::Happy).bind(Place { street: "high".into(), number: None }).fetch_one(pool).await?;
    show("own", (mood, place));
    let text = pool.fetch_one("SELECT 1.50::numeric, '{1,2}'::int[], now() IS NOT NULL").await?;
    show("in text", (text.get::<Decimal, _>(0), text.get::<Vec<i32>, _>(1), text.get::<bool, _>(2)));
    Ok(())
}

async fn described(pool: &PgPool) -> sqlx::Result<()> {
    section("describe");
    let mut connection = pool.acquire().await?;
    let statement = connection.prepare(sqlx::AssertSqlSafe("SELECT id, name, price, feeling FROM items WHERE id = $1 AND name <> $2").into_sql_str()).await?;
    show("parameters", format!("{:?}", statement.parameters().map(|either| either.map_left(|types| types.iter().map(|each| each.name().to_owned()).collect::<Vec<_>>()))));
    for column in statement.columns() {
        show("column", (column.name(), column.type_info().name()));
    }
    for n in 0..5 {
        let found: Option<Item> = statement.query_as().bind(n).bind("x").fetch_optional(&mut *connection).await?;
        show("run", found);
    }
    show("cached", connection.cached_statements_size() > 0);
    connection.clear_cached_statements().await?;
    show("cleared", connection.cached_statements_size());
    Ok(())
}

async fn rows(pool: &PgPool) -> sqlx::Result<()> {
    section("rows");
    let names: Vec<String> = (0..500).map(|n| format!("item {n}")).collect();
    let inserted = sqlx::query("INSERT INTO items (name, price) SELECT n, 1.5 FROM unnest($1::text[]) AS n").bind(&names).execute(pool).await?;
    show("inserted", inserted.rows_affected());
    let mut builder = sqlx::QueryBuilder::new("INSERT INTO items (name, feeling) ");
    builder.push_values(0..100, |mut row, n| {
        row.push_bind(format!("built {n}")).push_bind(Mood::Sad);
    });
    show("built", builder.build().execute(pool).await?.rows_affected());
    let mut stream = sqlx::query_as::<_, Item>("SELECT id, name, price, feeling FROM items ORDER BY id").fetch(pool);
    let mut seen = 0;
    while let Some(item) = stream.try_next().await? {
        seen += usize::from(item.price.is_some());
    }
    show("streamed", seen);
    drop(stream);
    let mut many = sqlx::raw_sql("SELECT 1; UPDATE items SET price = 2 WHERE id = 1; SELECT 2").fetch_many(pool);
    while let Some(each) = many.try_next().await? {
        show("result", each.either(|done| format!("{} rows", done.rows_affected()), |row| format!("{}", row.get::<i32, _>(0))));
    }
    Ok(())
}

fn code<T>(result: sqlx::Result<T>) -> String {
    match result {
        Ok(_) => "no error".into(),
        Err(error) => error.as_database_error().and_then(|each| each.code()).map_or_else(|| error.to_string(), Into::into),
    }
}

async fn transactions(pool: &PgPool) -> sqlx::Result<()> {
    section("transactions");
    let count = || sqlx::query_scalar::<_, i64>("SELECT count(*) FROM items WHERE feeling = 'happy'").fetch_one(pool);
    let mut transaction = pool.begin().await?;
    sqlx::query("UPDATE items SET feeling = 'happy'").execute(&mut *transaction).await?;
    transaction.rollback().await?;
    show("rolled back", count().await?);
    let mut transaction = pool.begin().await?;
    sqlx::query("UPDATE items SET feeling = $1 WHERE id <= 3").bind(Mood::Happy).execute(&mut *transaction).await?;
    let mut savepoint = transaction.begin().await?;
    show("in the savepoint", code(sqlx::query("UPDATE items SET price = -1").execute(&mut *savepoint).await));
    savepoint.rollback().await?;
    transaction.commit().await?;
    show("committed", count().await?);
    {
        let mut transaction = pool.begin().await?;
        sqlx::query("DELETE FROM items").execute(&mut *transaction).await?;
    }
    show("dropped", count().await?);
    let mut transaction = pool.begin_with("BEGIN ISOLATION LEVEL SERIALIZABLE READ ONLY").await?;
    show("read only", code(sqlx::query("DELETE FROM items").execute(&mut *transaction).await));
    show("in a failed one", code(sqlx::query("SELECT 1").execute(&mut *transaction).await));
    transaction.rollback().await
}

async fn errors(pool: &PgPool) -> sqlx::Result<()> {
    section("errors");
    for sql in ["SELECT nothing FROM items", "SELECT * FROM nowhere", "SELEC", "INSERT INTO items (name) VALUES ('item 1')", "INSERT INTO items (name, price) VALUES ('n', -1)"] {
        let error = sqlx::query(AssertSqlSafe(sql)).execute(pool).await.expect_err(sql);
        let told = error.as_database_error().expect(sql).downcast_ref::<PgDatabaseError>();
        show(sql, (told.code(), told.message(), told.detail(), told.hint(), told.table(), told.column(), told.constraint(), told.routine(), told.position()));
    }
    Ok(())
}

async fn copying(pool: &PgPool) -> sqlx::Result<()> {
    section("COPY");
    let mut copy = pool.copy_in_raw("COPY items (name, price) FROM STDIN (FORMAT csv)").await?;
    copy.send("csv 1,1.5\ncsv 2,\n".as_bytes()).await?;
    show("in", copy.finish().await?);
    let mut copy = pool.copy_in_raw("COPY items (name) FROM STDIN").await?;
    copy.send("given up\n".as_bytes()).await?;
    copy.abort("given up").await?;
    let out: Vec<_> = pool.copy_out_raw("COPY (SELECT name, price FROM items WHERE name LIKE 'csv%' ORDER BY name) TO STDOUT").await?.try_collect().await?;
    show("out", String::from_utf8(out.concat()).expect("text"));
    Ok(())
}

async fn listening(pool: &PgPool) -> sqlx::Result<()> {
    section("LISTEN and NOTIFY");
    let mut listener = PgListener::connect_with(pool).await?;
    listener.listen_all(["news", "weather"]).await?;
    sqlx::query("SELECT pg_notify('news', $1)").bind("first").execute(pool).await?;
    pool.execute("NOTIFY weather, 'second'").await?;
    for _ in 0..2 {
        let notification = tokio::time::timeout(std::time::Duration::from_secs(20), listener.recv()).await.expect("in time")?;
        show("notified", (notification.channel(), notification.payload()));
    }
    listener.unlisten_all().await
}

async fn at_once(pool: &PgPool) -> sqlx::Result<()> {
    section("pool");
    let sums: Vec<i32> = futures_util::stream::iter(0..100).map(|n| sqlx::query_scalar::<_, i32>("SELECT $1 * 2").bind(n).fetch_one(pool)).buffer_unordered(10).try_collect().await?;
    show("sum", sums.iter().sum::<i32>());
    let mut connection = pool.acquire().await?;
    connection.ping().await?;
    show("ping", "answered");
    Ok(())
}

async fn reflect() -> sqlx::Result<()> {
    let pool = pool().await?;
    section("structure under masks");
    let mut connection = pool.acquire().await?;
    for name in ["customers", "orders", "employees"] {
        let statement = connection.prepare(AssertSqlSafe(format!("SELECT * FROM {name}")).into_sql_str()).await?;
        for column in statement.columns() {
            show(name, (column.name().to_owned(), column.type_info().name().to_owned()));
        }
    }
    section("masked rows");
    for email in sqlx::query_scalar::<_, String>("SELECT email FROM customers WHERE id <= $1 ORDER BY id").bind(5).fetch_all(&mut *connection).await? {
        println!("email {email}");
    }
    Ok(())
}
