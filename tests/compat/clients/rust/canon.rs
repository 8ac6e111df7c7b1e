//! How the Rust clients write their transcripts: one line a fact, the same for the same facts, in sections. Nothing here depends on
//! the server's address, on object ids or on the time of day.

/// Begins a part of the transcript.
pub fn section(name: &str) {
    println!("## {name}");
}

/// Writes one fact; `{:?}` shows strings quoted, so that a number that arrives as text is seen.
pub fn show(label: &str, value: impl std::fmt::Debug) {
    println!("{label}: {value:?}");
}

/// What the first argument asks for.
pub fn wants_work() -> bool {
    match std::env::args().nth(1).as_deref() {
        Some("work") => true,
        Some("reflect") => false,
        _ => {
            eprintln!("usage: work|reflect");
            std::process::exit(2);
        }
    }
}
