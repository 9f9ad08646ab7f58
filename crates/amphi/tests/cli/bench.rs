//! `amphi bench`: needs no server, and says the same to people and programs.

use serde_json::Value;

use crate::program::Program;

#[tokio::test]
async fn the_erasure_code_is_measured_without_a_server() {
    let done = Program::without_server().run(&["bench", "mojette", "--output", "json"]).await;
    assert_eq!((done.code, done.stderr.as_str()), (0, ""));
    let measured: Value = serde_json::from_str(&done.stdout).unwrap();
    assert!(measured["kernel"].is_string() && measured["threads"] == 1, "{measured}");
    let figures = measured["figures"].as_array().unwrap();
    let codes: Vec<[u64; 3]> =
        figures.iter().map(|one| ["data", "parity", "block_bytes"].map(|key| one[key].as_u64().unwrap())).collect();
    let wanted = [(2, 1), (4, 2), (8, 4)].map(|(k, m)| [[k, m, 8192], [k, m, 65536]]);
    assert_eq!(codes, wanted.concat());
    for one in figures {
        for key in ["encode_gb_s", "decode_gb_s", "repair_gb_s", "memcpy_gb_s"] {
            assert!(one[key].as_f64().unwrap() > 0.0, "{key} of {one}");
        }
        assert!([8, 64].contains(&one["element_bytes"].as_u64().unwrap()), "{one}");
        let stored = one["stored_bytes"].as_f64().unwrap() / one["block_bytes"].as_f64().unwrap();
        assert!((1.5..1.75).contains(&stored), "{one}");
    }
}

#[tokio::test]
async fn people_get_a_table() {
    let done = Program::without_server().run(&["bench", "mojette"]).await;
    assert_eq!((done.code, done.stderr.as_str()), (0, ""));
    let lines: Vec<&str> = done.stdout.lines().collect();
    assert!(lines[0].starts_with("GB/s of user data, one thread, "), "{}", done.stdout);
    let titles: Vec<&str> = lines[1].split_whitespace().collect();
    assert_eq!(titles, ["CODE", "BLOCK", "ELEMENT", "ENCODE", "DECODE", "REPAIR", "MEMCPY"]);
    assert_eq!(lines.len(), 8, "{}", done.stdout);
    assert!(lines[7].starts_with("(8, 4)  64 KiB  64 B "), "{}", done.stdout);
}

#[tokio::test]
async fn an_interrupt_ends_it_at_once_and_nothing_is_half_printed() {
    let running = Program::without_server().start(&["bench", "mojette", "--output", "json"]);
    running.interrupt();
    let done = running.end().await;
    // Ended by the signal, which a shell shows as 130.
    assert_eq!((done.code, done.stdout.as_str(), done.stderr.as_str()), (-1, "", ""));
}
