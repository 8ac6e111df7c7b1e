//! tokio-postgres: everything in binary, its own look-up of types, pipelining by joined futures, portals with row limits, COPY in
//! binary, notifications, cancel.
mod canon;

use std::collections::HashMap;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use canon::{section, show, wants_work};
use chrono::{DateTime, NaiveDate, NaiveTime, Utc};
use futures_util::{future, stream, SinkExt, StreamExt, TryStreamExt};
use rust_decimal::Decimal;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{DigitallySignedStruct, SignatureScheme};
use tokio::sync::mpsc;
use tokio_postgres::binary_copy::{BinaryCopyInWriter, BinaryCopyOutStream};
use tokio_postgres::config::SslMode;
use tokio_postgres::error::DbError;
use tokio_postgres::types::{FromSql, PgLsn, ToSql, Type};
use tokio_postgres::{AsyncMessage, Client, Config, Error, IsolationLevel, SimpleQueryMessage};
use tokio_postgres_rustls::MakeRustlsConnect;
use uuid::Uuid;

/// What `sslmode=require` means: encrypted, to whomever. Channel binding still ties the login to the certificate.
#[derive(Debug)]
struct AnyCertificate;

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(&self, _: &CertificateDer<'_>, _: &[CertificateDer<'_>], _: &ServerName<'_>, _: &[u8], _: UnixTime) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }
    fn verify_tls12_signature(&self, _: &[u8], _: &CertificateDer<'_>, _: &DigitallySignedStruct) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }
    fn verify_tls13_signature(&self, _: &[u8], _: &CertificateDer<'_>, _: &DigitallySignedStruct) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }
    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        rustls::crypto::ring::default_provider().signature_verification_algorithms.supported_schemes()
    }
}

fn tls() -> MakeRustlsConnect {
    let config = rustls::ClientConfig::builder().dangerous().with_custom_certificate_verifier(Arc::new(AnyCertificate)).with_no_client_auth();
    MakeRustlsConnect::new(config)
}

fn env(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set"))
}

async fn connect() -> Result<(Client, mpsc::UnboundedReceiver<AsyncMessage>), Error> {
    let mut config = Config::new();
    config.host(env("PGHOST")).port(env("PGPORT").parse().expect("a port")).user(env("PGUSER")).password(env("PGPASSWORD")).dbname(env("PGDATABASE"));
    config.ssl_mode(if env("PGSSLMODE") == "require" { SslMode::Require } else { SslMode::Disable });
    let (client, mut connection) = config.connect(tls()).await?;
    let (send, messages) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        let mut incoming = pin!(stream::poll_fn(move |context| connection.poll_message(context)));
        while let Some(message) = incoming.next().await {
            match message {
                Ok(message) => drop(send.send(message)),
                Err(_) => break,
            }
        }
    });
    Ok((client, messages))
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    rustls::crypto::ring::default_provider().install_default().expect("the first provider");
    if wants_work() {
        work().await
    } else {
        reflect().await
    }
}

async fn work() -> Result<(), Error> {
    let (mut client, mut messages) = connect().await?;
    ddl(&client).await?;
    types(&client).await?;
    prepared(&client).await?;
    pipelined(&client).await?;
    transactions(&mut client).await?;
    errors(&client).await?;
    copying(&client).await?;
    portals(&mut client).await?;
    listening(&client, &mut messages).await?;
    cancelling(&client).await
}

async fn ddl(client: &Client) -> Result<(), Error> {
    section("DDL");
    client
        .batch_execute(
            "CREATE TYPE mood AS ENUM ('sad', 'happy');
             CREATE TYPE place AS (street text, number int);
             CREATE DOMAIN positive AS int CHECK (VALUE > 0);
             CREATE TABLE items (id serial PRIMARY KEY, name text UNIQUE NOT NULL, price numeric(10,2) CHECK (price >= 0), tags text[], feeling mood)",
        )
        .await?;
    for message in client.simple_query("INSERT INTO items (name) VALUES ('first') RETURNING id, name; SELECT 1 AS a, NULL AS b; ;").await? {
        match message {
            SimpleQueryMessage::Row(row) => show("row", (0..row.len()).map(|n| row.get(n)).collect::<Vec<_>>()),
            SimpleQueryMessage::CommandComplete(count) => show("complete", count),
            SimpleQueryMessage::RowDescription(columns) => show("columns", columns.iter().map(|column| column.name()).collect::<Vec<_>>()),
            _ => show("other", ()),
        }
    }
    Ok(())
}

async fn one<T>(client: &Client, name: &str, value: T) -> Result<(), Error>
where
    T: ToSql + Sync + for<'a> FromSql<'a> + std::fmt::Debug,
{
    let row = client.query_one(&format!("SELECT $1::{name} AS v, NULL::{name} AS n"), &[&value]).await?;
    show(name, (row.columns()[0].type_().name(), row.get::<_, T>(0), row.get::<_, Option<T>>(1)));
    Ok(())
}

#[derive(Debug, ToSql, FromSql)]
#[postgres(name = "mood", rename_all = "lowercase")]
#[allow(dead_code)]
enum Mood {
    Sad,
    Happy,
}

#[derive(Debug, ToSql, FromSql)]
#[postgres(name = "place")]
struct Place {
    street: String,
    number: Option<i32>,
}

async fn types(client: &Client) -> Result<(), Error> {
    section("types in binary");
    let at: DateTime<Utc> = "2024-02-29T12:34:56.000789Z".parse().expect("a moment");
    one(client, "\"char\"", 5i8).await?;
    one(client, "int2", -5i16).await?;
    one(client, "int4", i32::MAX).await?;
    one(client, "int8", i64::MIN).await?;
    one(client, "oid", 4_000_000_000u32).await?;
    one(client, "float4", 0.5f32).await?;
    one(client, "float8", f64::NEG_INFINITY).await?;
    one(client, "numeric", "123456789.0123456789".parse::<Decimal>().expect("a number")).await?;
    one(client, "bool", true).await?;
    one(client, "text", "tëxt '\\ \u{1f418}".to_owned()).await?;
    one(client, "varchar", "v".to_owned()).await?;
    one(client, "bytea", vec![0u8, 255]).await?;
    one(client, "uuid", Uuid::from_u128(7)).await?;
    one(client, "date", NaiveDate::from_ymd_opt(2024, 2, 29).expect("a day")).await?;
    one(client, "time", NaiveTime::from_hms_opt(1, 2, 3).expect("a time")).await?;
    one(client, "timestamp", at.naive_utc()).await?;
    one(client, "timestamptz", at).await?;
    one(client, "json", serde_json::json!({"a": [1, null]})).await?;
    one(client, "jsonb", serde_json::json!({"b": {"c": 1.5}})).await?;
    one(client, "inet", "10.0.0.1".parse::<std::net::IpAddr>().expect("an address")).await?;
    one(client, "pg_lsn", PgLsn::from(42)).await?;
    one(client, "int4[]", vec![Some(1), None, Some(3)]).await?;
    one(client, "text[]", vec!["a,b".to_owned(), "\"".to_owned()]).await?;
    one(client, "mood", Mood::Happy).await?;
    one(client, "place", Place { street: "high".into(), number: None }).await?;
    one(client, "place[]", vec![Place { street: "s".into(), number: Some(1) }]).await?;
    let row = client.query_one("SELECT 7::positive, '{\"k\"=>1}'::text, ARRAY['sad','happy']::mood[]", &[]).await?;
    show("domain and array of an enum", (row.columns()[0].type_().name(), row.get::<_, Vec<Mood>>(2)));
    Ok(())
}

async fn prepared(client: &Client) -> Result<(), Error> {
    section("prepared statements");
    let statement = client.prepare_typed("SELECT id, name, price FROM items WHERE id = $1 OR name = $2", &[Type::INT4]).await?;
    show("parameters", statement.params().iter().map(Type::name).collect::<Vec<_>>());
    for column in statement.columns() {
        show("column", (column.name(), column.type_().name(), column.column_id(), column.table_oid().is_some()));
    }
    for n in 0..5 {
        show("run", client.query_opt(&statement, &[&n, &"first"]).await?.map(|row| row.get::<_, String>(1)));
    }
    show("untyped", client.query_typed("SELECT $1 + $2", &[(&1i32, Type::INT4), (&2i32, Type::INT4)]).await?[0].get::<_, i32>(0));
    Ok(())
}

async fn pipelined(client: &Client) -> Result<(), Error> {
    section("pipelines");
    let insert = client.prepare("INSERT INTO items (name, price) VALUES ($1, $2) RETURNING id").await?;
    let rows: Vec<(String, Decimal)> = (0..200).map(|n| (format!("item {n}"), Decimal::new(n * 25, 2))).collect();
    let ids = future::try_join_all(rows.iter().map(|(name, price)| {
        let insert = &insert;
        async move { Ok::<i32, Error>(client.query_one(insert, &[name, price]).await?.get(0)) }
    }))
    .await?;
    show("in order", ids.windows(2).all(|pair| pair[0] < pair[1]));
    let (before, broken, after) = future::join3(client.query_one("SELECT 1", &[]), client.query_one("SELECT 1 / $1::int", &[&0]), client.query_one("SELECT 2", &[])).await;
    show("around an error", (before?.get::<_, i32>(0), code(&broken.map(drop)), after?.get::<_, i32>(0)));
    Ok(())
}

fn code<T>(result: &Result<T, Error>) -> String {
    match result {
        Ok(_) => "no error".into(),
        Err(error) => error.code().map_or_else(|| error.to_string(), |state| state.code().into()),
    }
}

async fn transactions(client: &mut Client) -> Result<(), Error> {
    section("transactions");
    let count = "SELECT count(*) FROM items WHERE tags IS NOT NULL";
    let transaction = client.build_transaction().isolation_level(IsolationLevel::Serializable).start().await?;
    transaction.execute("UPDATE items SET tags = '{}'", &[]).await?;
    transaction.rollback().await?;
    show("rolled back", client.query_one(count, &[]).await?.get::<_, i64>(0));
    let mut transaction = client.transaction().await?;
    transaction.execute("UPDATE items SET tags = $1 WHERE id = 1", &[&vec!["x"]]).await?;
    let savepoint = transaction.savepoint("nested").await?;
    show("in the savepoint", code(&savepoint.execute("UPDATE items SET price = -1", &[]).await));
    savepoint.rollback().await?;
    transaction.commit().await?;
    show("committed", client.query_one(count, &[]).await?.get::<_, i64>(0));
    {
        let transaction = client.transaction().await?;
        transaction.execute("DELETE FROM items", &[]).await?;
    }
    show("dropped", client.query_one(count, &[]).await?.get::<_, i64>(0));
    let transaction = client.build_transaction().read_only(true).start().await?;
    show("read only", code(&transaction.execute("DELETE FROM items", &[]).await));
    show("in a failed one", code(&transaction.query("SELECT 1", &[]).await));
    transaction.rollback().await
}

fn fields(error: &DbError) -> HashMap<&'static str, String> {
    let mut fields = HashMap::new();
    for (name, value) in [
        ("severity", Some(error.severity())), ("code", Some(error.code().code())), ("message", Some(error.message())), ("detail", error.detail()),
        ("hint", error.hint()), ("where", error.where_()), ("schema", error.schema()), ("table", error.table()), ("column", error.column()),
        ("datatype", error.datatype()), ("constraint", error.constraint()), ("file", error.file()), ("routine", error.routine()),
    ] {
        if let Some(value) = value {
            fields.insert(name, value.to_owned());
        }
    }
    fields.insert("position", format!("{:?}", error.position()));
    fields
}

async fn errors(client: &Client) -> Result<(), Error> {
    section("errors");
    for sql in [
        "SELECT nothing FROM items", "SELECT * FROM nowhere", "SELEC", "INSERT INTO items (name) VALUES ('first')", "INSERT INTO items (price) VALUES (1)",
        "INSERT INTO items (name, price) VALUES ('n', -1)", "SELECT no_such(1)", "SELECT 0::positive",
    ] {
        let error = client.query(sql, &[]).await.expect_err(sql);
        let mut told: Vec<_> = fields(error.as_db_error().expect(sql)).into_iter().collect();
        told.sort();
        show(sql, told);
    }
    Ok(())
}

async fn copying(client: &Client) -> Result<(), Error> {
    section("COPY");
    let sink = client.copy_in("COPY items (name, price) FROM STDIN (FORMAT binary)").await?;
    let mut writer = pin!(BinaryCopyInWriter::new(sink, &[Type::TEXT, Type::NUMERIC]));
    for n in 0..2000i64 {
        writer.as_mut().write(&[&format!("copied {n}"), &Decimal::new(n, 1)]).await?;
    }
    show("in, binary", writer.finish().await?);
    let mut sink = pin!(client.copy_in("COPY items (name) FROM STDIN").await?);
    sink.send(Bytes::from_static(b"text 1\ntext 2\n")).await?;
    show("in, text", sink.finish().await?);
    {
        let mut sink = pin!(client.copy_in("COPY items (name) FROM STDIN").await?);
        sink.send(Bytes::from_static(b"given up\n")).await?;
    }
    show("in, given up", client.query_one("SELECT count(*) FROM items WHERE name = 'given up'", &[]).await?.get::<_, i64>(0));
    let out = client.copy_out("COPY (SELECT id, name FROM items WHERE name LIKE 'text%' ORDER BY name) TO STDOUT (FORMAT csv)").await?;
    let bytes: Vec<Bytes> = out.try_collect().await?;
    show("out, CSV", bytes.concat().iter().filter(|byte| **byte == b'\n').count());
    let out = client.copy_out("COPY (SELECT name, price FROM items WHERE name LIKE 'copied%') TO STDOUT (FORMAT binary)").await?;
    let rows: Vec<_> = BinaryCopyOutStream::new(out, &[Type::TEXT, Type::NUMERIC]).try_collect().await?;
    show("out, binary", (rows.len(), rows.iter().map(|row| row.get::<Decimal>(1)).sum::<Decimal>()));
    Ok(())
}

async fn portals(client: &mut Client) -> Result<(), Error> {
    section("portals");
    let transaction = client.transaction().await?;
    let portal = transaction.bind("SELECT generate_series(1, $1::int)", &[&250]).await?;
    loop {
        let rows = transaction.query_portal(&portal, 100).await?;
        show("fetched", rows.len());
        if rows.len() < 100 {
            break;
        }
    }
    let rows = transaction.query_raw("SELECT generate_series(1, 5000)", Vec::<i32>::new()).await?;
    let mut rows = pin!(rows);
    let mut sum = 0i64;
    while let Some(row) = rows.try_next().await? {
        sum += i64::from(row.get::<_, i32>(0));
    }
    show("streamed", (sum, rows.rows_affected()));
    transaction.commit().await
}

async fn listening(client: &Client, messages: &mut mpsc::UnboundedReceiver<AsyncMessage>) -> Result<(), Error> {
    section("LISTEN and NOTIFY");
    let (other, _told) = connect().await?;
    client.batch_execute("LISTEN news").await?;
    other.execute("SELECT pg_notify('news', $1)", &[&"first"]).await?;
    other.batch_execute("NOTIFY news, 'second'").await?;
    client.batch_execute("DO $$ BEGIN RAISE WARNING 'careful' USING HINT = 'slow'; END $$").await?;
    let mut told = Vec::new();
    while told.len() < 3 {
        match tokio::time::timeout(Duration::from_secs(20), messages.recv()).await {
            Ok(Some(AsyncMessage::Notification(each))) => told.push(format!("{} {}", each.channel(), each.payload())),
            Ok(Some(AsyncMessage::Notice(notice))) => told.push(format!("{} {}", notice.severity(), notice.message())),
            _ => break,
        }
    }
    told.sort();
    show("told", told);
    Ok(())
}

async fn cancelling(client: &Client) -> Result<(), Error> {
    section("cancel");
    let token = client.cancel_token();
    let canceller = tokio::spawn(async move {
        tokio::time::sleep(Duration::from_millis(500)).await;
        token.cancel_query(tls()).await
    });
    show("cancelled", code(&client.query("SELECT pg_sleep(30)", &[]).await));
    show("asked", code(&canceller.await.expect("a task")));
    show("goes on", client.query_one("SELECT 1", &[]).await?.get::<_, i32>(0));
    Ok(())
}

async fn reflect() -> Result<(), Error> {
    let (client, _messages) = connect().await?;
    section("structure under masks");
    for name in ["customers", "orders", "employees"] {
        let statement = client.prepare(&format!("SELECT * FROM {name}")).await?;
        for column in statement.columns() {
            show(name, (column.name(), column.type_().name()));
        }
    }
    section("masked rows");
    for row in client.query("SELECT email FROM customers WHERE id <= $1 ORDER BY id", &[&5]).await? {
        println!("email {}", row.get::<_, String>(0));
    }
    Ok(())
}
