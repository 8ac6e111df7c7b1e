// lib/pq on database/sql: text and binary parameters, statements, COPY, its listener, arrays, cancel by context.
package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"clients/canon"

	"github.com/lib/pq"
)

func open(options string) *sql.DB { return canon.Got(sql.Open("postgres", options)) }

func main() { canon.Main(work, reflectStructure) }

func work() {
	db := open("")
	defer db.Close()
	db.SetMaxOpenConns(4)
	ddl(db)
	types(db, "text")
	binary := open("binary_parameters=yes")
	types(binary, "binary")
	canon.Must(binary.Close())
	statements(db)
	transactions(db)
	failing(db)
	copying(db)
	listening(db)
	canceling(db)
}

func ddl(db *sql.DB) {
	canon.Section("DDL")
	for _, statement := range []string{
		"CREATE TYPE mood AS ENUM ('sad', 'happy')",
		"CREATE TABLE items (id serial PRIMARY KEY, name text UNIQUE NOT NULL, price numeric(10,2) CHECK (price > 0), at timestamptz, feeling mood)",
		"CREATE TABLE a (); DROP TABLE a",
		"CREATE INDEX ON items (price)",
	} {
		_, err := db.Exec(statement)
		canon.Show(statement, err)
	}
}

func types(db *sql.DB, format string) {
	canon.Section("types, " + format + " parameters")
	at := time.Date(2024, 2, 29, 12, 34, 56, 789000, time.UTC)
	for _, each := range []struct {
		name  string
		value any
	}{
		{"int4", 5}, {"int8", int64(-1) << 62}, {"float8", 0.1}, {"numeric", "1.50"}, {"bool", true}, {"text", "tëxt\\'"}, {"bytea", []byte{0, 255}},
		{"timestamptz", at}, {"timestamp", at}, {"date", at}, {"interval", "1 day 2 hours"}, {"uuid", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"},
		{"json", `{"a": 1}`}, {"jsonb", `{"a": [null]}`}, {"int4[]", pq.Array([]int64{1, 2})}, {"text[]", pq.Array([]string{"a,b", `"`})},
		{"mood", "happy"}, {"inet", "10.0.0.1/8"}, {"text", nil}, {"xml", "<a/>"}, {"char(4)", "ab"},
	} {
		rows, err := db.Query(fmt.Sprintf("SELECT $1::%s AS v", each.name), each.value)
		if err != nil {
			canon.Show(each.name, code(err))
			continue
		}
		for rows.Next() {
			var value any
			canon.Must(rows.Scan(&value))
			column := canon.Got(rows.ColumnTypes())[0]
			canon.Show(each.name, column.DatabaseTypeName(), value)
		}
		canon.Show("  end", rows.Err())
		canon.Must(rows.Close())
	}
}

func code(err error) string {
	var e *pq.Error
	if errors.As(err, &e) {
		return string(e.Code)
	}
	return fmt.Sprint(err)
}

func statements(db *sql.DB) {
	canon.Section("statements")
	insert := canon.Got(db.Prepare("INSERT INTO items (name, price) VALUES ($1, $2) RETURNING id"))
	var last int
	for n := 1; n <= 200; n++ {
		canon.Must(insert.QueryRow(fmt.Sprintf("item %d", n), n).Scan(&last))
	}
	canon.Must(insert.Close())
	canon.Show("inserted", last)
	result := canon.Got(db.Exec("UPDATE items SET price = price + $1 WHERE id <= $2", 1, 10))
	canon.Show("affected", canon.Got(result.RowsAffected()))
	rows := canon.Got(db.Query("SELECT 1 AS a; SELECT 'x' AS b, NULL AS c"))
	for {
		canon.Show("result set", canon.Got(rows.Columns()))
		for rows.Next() {
		}
		if !rows.NextResultSet() {
			break
		}
	}
	canon.Must(rows.Close())
	var array []string
	canon.Must(db.QueryRow("SELECT array_agg(name ORDER BY id) FROM items WHERE id < 4").Scan(pq.Array(&array)))
	canon.Show("array", array)
}

func transactions(db *sql.DB) {
	canon.Section("transactions")
	ctx := context.Background()
	tx := canon.Got(db.BeginTx(ctx, &sql.TxOptions{Isolation: sql.LevelSerializable}))
	canon.Got(tx.Exec("DELETE FROM items WHERE id = 1"))
	canon.Must(tx.Rollback())
	var count int
	canon.Must(db.QueryRow("SELECT count(*) FROM items").Scan(&count))
	canon.Show("rolled back", count)
	tx = canon.Got(db.Begin())
	canon.Got(tx.Exec("SAVEPOINT s"))
	_, err := tx.Exec("INSERT INTO items (name) VALUES ('item 1')")
	canon.Show("failed", code(err))
	_, err = tx.Exec("SELECT 1")
	canon.Show("in a failed one", code(err))
	canon.Got(tx.Exec("ROLLBACK TO s"))
	canon.Got(tx.Exec("INSERT INTO items (name) VALUES ('kept')"))
	canon.Must(tx.Commit())
	tx = canon.Got(db.Begin())
	_, err = tx.Exec("SELECT 1/0")
	canon.Show("failed", code(err))
	canon.Show("COMMIT of a failed one", tx.Commit())
	tx = canon.Got(db.BeginTx(ctx, &sql.TxOptions{ReadOnly: true}))
	_, err = tx.Exec("DELETE FROM items")
	canon.Show("read only", code(err))
	canon.Must(tx.Rollback())
}

func failing(db *sql.DB) {
	canon.Section("errors")
	for _, statement := range []string{
		"SELECT nothing FROM items", "SELECT * FROM nowhere", "SELEC", "INSERT INTO items (name) VALUES ('item 1')",
		"INSERT INTO items (name, price) VALUES ('n', -1)", "INSERT INTO items (id) VALUES (5)", "SELECT 'x'::int",
	} {
		_, err := db.Exec(statement)
		var e *pq.Error
		if !errors.As(err, &e) {
			panic(statement)
		}
		canon.Show(statement, e.Severity, string(e.Code), e.Message, e.Detail, e.Hint, e.Position, e.Where, e.Schema, e.Table, e.Column, e.Constraint, e.File, e.Routine)
	}
}

func copying(db *sql.DB) {
	canon.Section("COPY")
	tx := canon.Got(db.Begin())
	copied := canon.Got(tx.Prepare(pq.CopyIn("items", "name", "price")))
	for n := 0; n < 2000; n++ {
		canon.Got(copied.Exec(fmt.Sprintf("copied\t%d", n), n+1))
	}
	result := canon.Got(copied.Exec())
	canon.Show("in", canon.Got(result.RowsAffected()))
	canon.Must(copied.Close())
	canon.Must(tx.Commit())
	tx = canon.Got(db.Begin())
	copied = canon.Got(tx.Prepare(pq.CopyIn("items", "name", "price")))
	_, _ = copied.Exec("bad", "not a number")
	_, err := copied.Exec()
	canon.Show("refused", code(err))
	_ = copied.Close()
	canon.Must(tx.Rollback())
}

func listening(db *sql.DB) {
	canon.Section("LISTEN and NOTIFY")
	listener := pq.NewListener("", time.Second, time.Minute, nil)
	defer listener.Close()
	canon.Must(listener.Listen("news"))
	canon.Got(db.Exec("SELECT pg_notify('news', $1)", "hello"))
	select {
	case notification := <-listener.Notify:
		canon.Show("notified", notification.Channel, notification.Extra)
	case <-time.After(20 * time.Second):
		panic("not notified")
	}
	canon.Show("ping", listener.Ping())
	canon.Must(listener.UnlistenAll())
}

func canceling(db *sql.DB) {
	canon.Section("cancel")
	ctx, cancel := context.WithTimeout(context.Background(), 500*time.Millisecond)
	defer cancel()
	began := time.Now()
	_, err := db.ExecContext(ctx, "SELECT pg_sleep(30)")
	canon.Show("cancelled", code(err) == "57014" || errors.Is(err, context.DeadlineExceeded), time.Since(began) < 20*time.Second)
	var one int
	canon.Must(db.QueryRow("SELECT 1").Scan(&one))
	canon.Show("goes on", one)
}

func reflectStructure() {
	db := open("")
	defer db.Close()
	canon.Section("structure under masks")
	for _, name := range []string{"customers", "orders", "employees"} {
		rows := canon.Got(db.Query("SELECT * FROM " + name + " LIMIT 0"))
		for _, column := range canon.Got(rows.ColumnTypes()) {
			length, hasLength := column.Length()
			precision, scale, hasPrecision := column.DecimalSize()
			canon.Show(name, column.Name(), column.DatabaseTypeName(), length, hasLength, precision, scale, hasPrecision)
		}
		canon.Must(rows.Close())
	}
	canon.Section("masked rows")
	rows := canon.Got(db.Query("SELECT email FROM customers WHERE id <= $1 ORDER BY id", 5))
	for rows.Next() {
		var email string
		canon.Must(rows.Scan(&email))
		fmt.Println("email", email)
	}
	canon.Must(rows.Err())
}
