// Package canon is how the Go clients write their transcripts: one line a fact, the same for the same facts, in sections.
// A value is written with its type, so that a number that arrives as text is seen. Nothing here depends on the server's
// address, on object ids or on the time of day.
package canon

import (
	"fmt"
	"os"
	"reflect"
	"sort"
	"strings"
	"time"
)

// Section begins a part of the transcript.
func Section(name string) { fmt.Println("##", name) }

// Show writes one fact.
func Show(label string, values ...any) {
	parts := make([]string, len(values))
	for i, value := range values {
		parts[i] = Canon(value)
	}
	fmt.Printf("%s: %s\n", label, strings.Join(parts, " | "))
}

// Canon writes a value with its type.
func Canon(value any) string {
	switch v := value.(type) {
	case nil:
		return "NULL"
	case time.Time:
		return "time " + v.UTC().Format(time.RFC3339Nano)
	case []byte:
		return fmt.Sprintf("bytes %x", v)
	case string:
		return fmt.Sprintf("string %q", v)
	case error:
		return "error " + v.Error()
	case fmt.Stringer:
		return fmt.Sprintf("%T %s", value, v)
	}
	switch r := reflect.ValueOf(value); r.Kind() {
	case reflect.Pointer:
		if r.IsNil() {
			return "NULL"
		}
		return Canon(r.Elem().Interface())
	case reflect.Map:
		parts := []string{}
		for _, key := range r.MapKeys() {
			parts = append(parts, fmt.Sprintf("%v: %s", key, Canon(r.MapIndex(key).Interface())))
		}
		sort.Strings(parts)
		return "{" + strings.Join(parts, ", ") + "}"
	case reflect.Slice:
		parts := []string{}
		for i := 0; i < r.Len(); i++ {
			parts = append(parts, Canon(r.Index(i).Interface()))
		}
		return "[" + strings.Join(parts, ", ") + "]"
	}
	return fmt.Sprintf("%T %+v", value, value)
}

// Must ends the program over an error that the workload does not provoke.
func Must(err error) {
	if err != nil {
		panic(err)
	}
}

// Got is Must for what comes with a value.
func Got[T any](value T, err error) T {
	Must(err)
	return value
}

// Main runs what the first argument asks for.
func Main(work, reflectStructure func()) {
	switch {
	case len(os.Args) == 2 && os.Args[1] == "work":
		work()
	case len(os.Args) == 2 && os.Args[1] == "reflect":
		reflectStructure()
	default:
		fmt.Fprintln(os.Stderr, "usage: work|reflect")
		os.Exit(2)
	}
}
