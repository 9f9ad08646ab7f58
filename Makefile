.PHONY: demo test check bench

# Builds, starts everything on this machine, runs real examples, prints their results and keeps serving.
demo:
	scripts/setup demo
	cargo build --release --package amphi
	target/release/amphi up --demo --dir "$${AMPHI_DIR:-./amphi-data}"

# Every test. One group alone: scripts/test GROUP (scripts/test --help lists them).
test:
	scripts/setup test
	scripts/test

# The quick part: needs Rust alone.
check:
	scripts/test lint unit

# Builds in release, prints medians.
bench:
	scripts/setup demo
	cargo bench --workspace --bench '*'
